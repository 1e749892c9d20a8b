"""Files on servers of this machine give the same events as files of a disk; what fails on the way is one line."""

from __future__ import annotations

import contextlib
import os
import pickle
import socket
import subprocess
import sys
import time

import h5py
import numpy as np
import pyarrow
import pytest
import uproot
from file_server import hanging, serving
from pyarrow import csv, parquet

from app.cli import main
from app.core import remote
from app.core.errors import UserError
from app.core.files import expand, find_files
from app.core.remote import Remote
from datasets import DATASETS

ROWS = 300


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a table of each kind, whole and cut in half."""
    folder = tmp_path_factory.mktemp("served")
    rng = np.random.default_rng(1)
    columns = {"event": np.arange(ROWS), "x": rng.normal(size=ROWS), "y": rng.normal(size=ROWS)}
    with uproot.recreate(folder / "a.root") as file:
        file["events"] = columns
        file["others"] = columns
    with h5py.File(folder / "a.h5", "w") as file:
        for name, values in columns.items():
            file[name] = values
    parquet.write_table(pyarrow.table(columns), folder / "a.parquet", row_group_size=100)
    csv.write_csv(pyarrow.table(columns), folder / "a.csv")
    for path in list(folder.iterdir()):
        path.with_stem("cut").write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return folder


@pytest.fixture(scope="module")
def url(folder):
    with serving(folder) as url:
        yield url


def source(name):
    spec = DATASETS.parse({"name": "table", "files": [name], "inputs": ["x"], "targets": ["y"], "block_size": 128})
    return spec.build(find_files(spec.options.files, ("dataset", "files")))


def refused(name):
    with pytest.raises(UserError) as caught:
        list(source(name))
    return str(caught.value)


def same(ours, theirs):
    assert ours.fingerprint == theirs.fingerprint
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one.inputs["features"], other.inputs["features"])
        np.testing.assert_array_equal(one.key, other.key)


@pytest.mark.parametrize("name", ["a.root:events", "a.h5", "a.parquet", "a.csv"])
def test_a_table_on_a_server_is_the_one_of_a_disk(folder, url, name):
    same(source(f"{url}/{name}"), source(str(folder / name)))
    assert source(f"{url}/{name}").files[0] == f"{url}/{name}"


@pytest.mark.parametrize(("kind", "text"), [("root", "ROOT"), ("h5", "HDF5"), ("parquet", "Parquet")])
def test_half_a_file_on_a_server_is_named(url, kind, text):
    name = f"{url}/cut.{kind}{':events' * (kind == 'root')}"
    assert refused(name).startswith(f"{name}: not a whole {text} file (")


@pytest.mark.parametrize("kind", ["root", "h5", "parquet", "csv"])
def test_a_file_that_is_not_on_the_server_is_named(url, kind):
    assert refused(f"{url}/none.{kind}") == f"{url}/none.{kind}: no such file on the server."


@pytest.mark.parametrize("kind", ["root", "parquet"])
def test_a_server_that_does_not_answer_is_waited_for_and_named(monkeypatch, kind):
    monkeypatch.setenv(remote.VARIABLE, "1")
    begin = time.monotonic()
    with hanging() as host:
        assert refused(f"http://{host}/a.{kind}") == (
            f"http://{host}/a.{kind}: the server does not answer. "
            "Expected an answer within 1 s, or a larger WIRECHAMBER_SERVER_TIMEOUT."
        )
    assert time.monotonic() - begin < 20
    monkeypatch.setenv(remote.VARIABLE, "soon")
    assert refused("http://localhost/a.root") == (
        "WIRECHAMBER_SERVER_TIMEOUT: not a time. Expected whole seconds, from 1 up. Received 'soon'."
    )


def test_a_port_without_a_server_is_one_line():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert refused(f"http://127.0.0.1:{port}/a.h5").startswith(f"http://127.0.0.1:{port}/a.h5: ")


def test_commands_take_a_file_on_a_server(url, capsys):
    assert main(["inspect", f"{url}/a.parquet", "--json"]) == 0
    assert f'"file": "{url}/a.parquet"' in capsys.readouterr().out
    assert main(["init", f"{url}/a.h5", "--targets", "y"]) == 0
    assert f'"{url}/a.h5"' in capsys.readouterr().out
    assert main(["inspect", f"{url}/none.root"]) == 2
    with pytest.raises(SystemExit, match="2"):
        main(["init", f"{url}/a.h5", "--out", "https://x/job.json"])
    message = "a server is named. Expected a path on this machine. Received 'https://x/job.json'"
    assert message in capsys.readouterr().err


def test_a_loader_of_events_reads_from_a_server_too(tmp_path):
    rng = np.random.default_rng(1)
    names = ("x", "y", "tx", "ty", "qop", "dz", "true_x", "true_y", "true_tx", "true_ty")
    with uproot.recreate(tmp_path / "t.root") as file:
        file["tracks"] = {name: rng.uniform(0.1, 0.2, 20) for name in names}
    with serving(tmp_path) as url:
        loaded = []
        for path in (f"{url}/t.root", str(tmp_path / "t.root")):
            loaded.append(DATASETS.parse({"name": "track_states", "files": path}).build(find_files([path])))
        assert loaded[0].fingerprint == loaded[1].fingerprint
        np.testing.assert_array_equal(*(next(iter(source)).inputs["state"] for source in loaded))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "s3://x/a.root",
            "files.0: unknown kind of server. Expected one of [https://, http://, root://]. Received 's3'.",
        ),
        ("root://x", "files.0: no file on a server. Expected root://HOST/FILE. Received 'root://x'."),
        ("https://x/*.root", "files.0: files on a server are not searched. Expected the whole name of each file."),
        (
            "gone://x/a",
            "files.0: gone:// needs no-such-library, which is not installed. "
            "Expected pip install 'wirechamber[remote]'.",
        ),
        ("https://x/${NONE}", "files.0: a variable in the path is not set."),
    ],
)
def test_what_is_no_file_on_a_server(monkeypatch, text, message):
    monkeypatch.setitem(remote.NEEDED, "gone", "no_such_library")
    if not text.startswith("gone"):
        monkeypatch.delitem(remote.NEEDED, "gone")
    with pytest.raises(UserError) as caught:
        find_files([text], ("files",))
    assert str(caught.value).startswith(message)


def test_only_data_may_lie_on_a_server(url):
    with pytest.raises(UserError, match=r"a server is named\. Expected a path on this machine"):
        expand("https://x/field.npz", ("field", "file"))
    message = f"{url}/a.npz: an npz file on a server is not read. Expected a path on this machine."
    assert refused(f"{url}/a.npz").startswith(message)


def test_a_remote_file_is_its_url(monkeypatch):
    monkeypatch.setattr(remote, "NEEDED", {"root": "json"})
    monkeypatch.setenv("STORE", "root://host:1094//store")
    (path,) = find_files(["${STORE}/b.root:t"])
    assert (str(path), path.name, path.suffix) == ("root://host:1094//store/b.root:t", "b.root:t", ".root:t")
    assert str(Remote("https://host/a/b.csv")) == "https://host/a/b.csv" == os.fspath(Remote("https://host/a/b.csv"))
    assert str(pickle.loads(pickle.dumps(path))) == str(path)


@contextlib.contextmanager
def xrootd(folder, own):
    """Yield the URL of an XRootD server of a folder."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    lines = [f"xrd.port {port}", f"all.export {folder}", f"all.adminpath {own}", f"all.pidpath {own}"]
    (own / "config").write_text("\n".join(lines) + "\n")
    for path in (own, folder, *folder.parents[:3], *folder.iterdir()):
        path.chmod(0o777)
    user = ["-R", "nobody"] if os.geteuid() == 0 else []
    process = subprocess.Popen(["xrootd", *user, "-c", own / "config", "-l", own / "log"])
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        yield f"root://127.0.0.1:{port}/{folder}"
    finally:
        process.terminate()
        process.wait()


@pytest.mark.xrootd
def test_a_table_on_an_xrootd_server_is_the_one_of_a_disk(folder, tmp_path):
    with xrootd(folder, tmp_path) as url:
        for name in ("a.root:events", "a.h5", "a.parquet", "a.csv"):
            same(source(f"{url}/{name}"), source(str(folder / name)))
        assert refused(f"{url}/none.root") == f"{url}/none.root: no such file on the server."
        assert refused(f"{url}/cut.h5").startswith(f"{url}/cut.h5: not a whole HDF5 file (")


@pytest.mark.xrootd
def test_tensorflow_that_was_imported_first_does_not_end_in_a_crash():
    code = "import sys, tensorflow\nfrom app.core.libraries import keras\nprint(keras.Model, 'XRootD' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, "<class 'keras.src.models.model.Model'> False\n"), ended.stderr
