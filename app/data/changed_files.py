"""Whether a dataset's fingerprint changes when a file changes, and only then: tried on copies of its files."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from app.core.catalog import Spec
from app.core.errors import Problem, UserError
from app.core.libraries import uproot
from app.core.remote import Remote
from datasets.files import npz, root
from datasets.pipeline.checked import open_source
from datasets.pipeline.events import Source

LARGE = 2**28
"""Files of more bytes are linked, not copied; the smallest one is copied and changed."""


def check_fingerprint(spec: Spec[Source], files: Sequence[Path], known: str) -> str:
    """Return what was found; raises UserError where copies have another fingerprint, or changed ones the same.

    Args:
        spec: the dataset.
        files: the files.
        known: their fingerprint.
    """
    if any(isinstance(path, Remote) for path in files):
        return f"{known}; files on a server are not copied"
    with tempfile.TemporaryDirectory() as folder:
        copies = copy_files(files, Path(folder))
        again = open_source(spec, copies).fingerprint
        if again != known:
            what = "another one for copies of the files in another folder"
            raise UserError(Problem(what, ("fingerprint",), expected=known, received=again))
        change(min((root.split_name(path)[0] for path in copies), key=lambda path: path.stat().st_size))
        try:
            again = open_source(spec, copies).fingerprint
        except UserError:  # the dataset sees that the file is not whole
            return f"{known}; a changed file is refused"
    if again == known:
        expected = "a hash of the content of the files; without one the program makes it"
        raise UserError(Problem("the same when a file changes", ("fingerprint",), expected=expected, received=again))
    return f"{known}, another one when a file changes"


def copy_files(files: Sequence[Path], folder: Path) -> list[Path]:
    """Copy files with their names and those of their folders, which may say which belong together."""
    copies, smallest = [], min(root.split_name(path)[0].stat().st_size for path in files)
    places = {path.parent.parent for path in files}
    number = {place: str(n) for n, place in enumerate(sorted(places))}
    for path in files:
        file, tree = root.split_name(path)
        copy = folder / number[path.parent.parent] / path.parent.name / file.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        size = file.stat().st_size
        if size > max(LARGE, smallest):
            copy.symlink_to(file.resolve())
        else:
            shutil.copyfile(file, copy)
        copies.append(Path(f"{copy}:{tree}") if tree else copy)
    return copies


def change(path: Path) -> None:
    """Change a number in an npz file, the UUID of a ROOT file, a digit or a byte of any other."""
    if path.suffix.lower() == ".npz":
        arrays: dict[str, Any] = {name: np.array(npz.load_array(path, name)) for name in npz.array_names(path)}
        array = next(a for a in arrays.values() if a.dtype.kind in "iuf" and a.size)
        array.flat[0] = 1 - array.flat[0] % 2  # another number, whatever it is
        np.savez(path, **arrays)
        return
    content = bytearray(path.read_bytes())
    if root.is_root(path):
        with uproot.open(path) as file:
            identity = file.file.uuid.bytes
        content = content.replace(identity, bytes([identity[0] ^ 1, *identity[1:]]))
    else:
        digits = (content.rfind(digit) for digit in b"0123456789")
        place = max(digits)
        content[place if place >= 0 else len(content) // 2] ^= 1
    path.write_bytes(content)
