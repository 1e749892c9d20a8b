"""Files that a run uses and that lie outside of the program's commit: a user's own components, and what was changed."""

import hashlib
import sys
from pathlib import Path

from app.core.files import REPOSITORY
from app.core.own_components import own_roots
from app.runtime.provenance import files_outside


def used_files(repository: Path = REPOSITORY) -> dict[str, Path]:
    """Return the modules that are loaded from outside of the commit, by their path below the checkout or own folder."""
    roots, changed = own_roots(), set(files_outside(repository))
    found = {}
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if not file or not file.endswith(".py"):
            continue
        path = Path(file)
        root = next((root for root in roots if path.is_relative_to(root)), None)
        if root is not None:
            found[path.relative_to(root).as_posix()] = path
        elif path.is_relative_to(repository) and (name := path.relative_to(repository).as_posix()) in changed:
            found[name] = path
    return dict(sorted(found.items()))


def hashes(files: dict[str, Path]) -> dict[str, str]:
    """Return a hash of the content of each file; a file that cannot be read any more is left out."""
    known = {}
    for name, path in files.items():
        try:
            known[name] = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        except OSError:
            continue
    return known
