"""What the environment asks of XLA is said where it may change results."""

from app.runtime import device
from app.runtime.provenance import provenance


def test_flags_of_xla_are_named_and_recorded(monkeypatch, caplog):
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    device.prepare(0)
    assert (caplog.text, "xla_flags" in provenance({})) == ("", False)
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=true")
    device.prepare(0)
    assert "XLA_FLAGS are set (--xla_cpu_enable_fast_math=true): they may change results" in caplog.text
    assert provenance({})["xla_flags"] == "--xla_cpu_enable_fast_math=true"


def test_onednn_says_nothing_on_the_terminal(capfd):
    device.hear_out_onednn.cache_clear()
    device.prepare(0)
    device.tf.transpose(device.tf.zeros((1, 1), device.tf.int64))
    assert capfd.readouterr().err == ""
