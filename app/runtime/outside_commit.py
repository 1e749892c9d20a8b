"""Files that a run uses and that lie outside of the program's commit: a user's own components, and what was changed."""

import hashlib
import os
import sys
from pathlib import Path

from app.core.files import REPOSITORY
from app.core.own_components import own_roots
from app.runtime.provenance import files_outside


def used_files(repository: Path = REPOSITORY) -> dict[str, Path]:
    """Return the modules that are loaded from outside of the commit, by their path below the checkout or own folder.

    Thousands of modules are loaded, and a run asks before it trains: their files are compared as text.
    """
    roots = own_roots()
    changed = {str(repository / name): name for name in files_outside(repository)}
    found = {}
    for module in list(sys.modules.values()) if roots or changed else ():
        file = os.path.normpath(getattr(module, "__file__", None) or "")
        root = next((root for root in roots if file.startswith(f"{root}{os.sep}")), None)
        if file.endswith(".py") and (root or file in changed):
            found[Path(file).relative_to(root).as_posix() if root else changed[file]] = Path(file)
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
