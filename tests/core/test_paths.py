"""Files that are read are not written over."""

import os
import re
from pathlib import Path

import pytest

from app.core.errors import UserError
from app.core.paths import check_not_read


def test_a_file_that_is_read_is_not_written_over(tmp_path):
    (tmp_path / "a.root").write_text("data")
    os.link(tmp_path / "a.root", tmp_path / "same.root")
    (tmp_path / "link.root").symlink_to(tmp_path / "a.root")
    for out in ("a.root", "same.root", "link.root"):
        for read in (tmp_path / "a.root", Path(f"{tmp_path}/a.root:events")):
            message = f"--out {tmp_path / out}: is one of the files that are read. Expected another name"
            with pytest.raises(UserError, match=re.escape(message)):
                check_not_read([tmp_path / out], [read], "--out")
    (tmp_path / "other.root").write_text("data")
    check_not_read([tmp_path / "other.root", tmp_path / "new.root"], [tmp_path / "a.root", tmp_path / "gone"], "--out")
