"""A user's own extrapolator as a column of the benchmark: by the keys of the test tracks."""

from __future__ import annotations

import numpy as np
import pytest

from app.benchmark.user_columns import measure_columns, read_column
from app.core.errors import UserError

KEY = np.array([7, 2**63 + 5, 11], np.uint64)
END = {"x": np.array([1.0, 2.0, 3.0]), "y": np.zeros(3)}


def test_rows_are_found_by_key_whatever_their_order(tmp_path):
    np.savez(tmp_path / "mine.npz", key=KEY[::-1], x=[3.0, 2.0, 4.0], y=np.array([0.0, 0.0, 4.0]))
    (row,) = measure_columns([read_column(f"mine={tmp_path / 'mine.npz'}")], KEY, END)
    assert row["engine"] == "mine"
    assert row["pos_mean_mm"] == pytest.approx(5 / 3)
    assert "throughput" not in row


def test_a_time_becomes_a_speed(tmp_path):
    rows = "".join(f"{key},{x},0,2e-6\n" for key, x in zip(KEY, END["x"], strict=True))
    (tmp_path / "mine.csv").write_text(f"key,x,y,seconds\n{rows}")
    (row,) = measure_columns([read_column(f"mine={tmp_path / 'mine.csv'}")], KEY, END)
    assert (row["pos_mean_mm"], row["throughput"]) == (0.0, pytest.approx(5e5))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mine", r"--column: not NAME=FILE. Expected as in mine=extrapolated.csv. Received 'mine'."),
        ("mine=absent.csv", r"--column.mine: no such file. Received 'absent.csv'."),
        ("mine={}/short.npz", r"--column.mine: 1 of 3 test tracks are missing in short.npz. Expected the keys of pred"),
        ("mine={}/text.csv", r"--column.mine.x: not a column of numbers. Expected numbers. Received '<U2'."),
        ("mine={}/other.npz", r"--column.mine: unknown column. Did you mean 'Y'\? Expected one of \[key, x, Y\]. Rec"),
    ],
)
def test_what_cannot_be_compared_is_named(text, message, tmp_path):
    (tmp_path / "text.csv").write_text("key,x,y\n1,2,3\n2,2m,3\n")
    np.savez(tmp_path / "short.npz", key=KEY[:2], x=END["x"][:2], y=END["y"][:2])
    np.savez(tmp_path / "other.npz", key=KEY, x=END["x"], Y=END["y"])
    with pytest.raises(UserError, match=message):
        measure_columns([read_column(text.format(tmp_path))], KEY, END)
