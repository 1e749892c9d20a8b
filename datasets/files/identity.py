"""What identifies files of any kind, whatever their names and times are: their content."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from app.core.errors import Problem, UserError
from app.core.remote import open_binary, reaching
from datasets.files import npz, root


def fingerprint(files: Sequence[Path]) -> str:
    """Return a hash of the content of files, in order.

    Of npz and ROOT files it is made from the checksums, or the UUID and the size, that they carry themselves.

    Raises:
        UserError: a file that cannot be read.
    """
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{identity(path)};".encode())
    return digest.hexdigest()[:16]


def identity(path: Path) -> str:
    """Return what one file is distinguished by."""
    if path.suffix.lower() == ".npz":
        return npz.fingerprint([path])
    if root.is_root(path):
        file, tree = root.split_name(path)
        return f"{root.identity(file, root.open_file(file))}:{tree or ''}"
    return hash_content(path)


def hash_content(path: Path) -> str:
    """Return a hash of all bytes of a file."""
    try:
        with open_binary(path) as file, reaching(path):
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(Problem(f"cannot be read ({error.strerror or error})", (str(path),))) from None
