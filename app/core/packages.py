"""Where the program lies, and others with packages of the same names, such as Hugging Face's `datasets`."""

import os
import sys
from importlib.util import find_spec

NAMES = ("datasets", "jobs", "losses", "registry")
"""The packages next to `app`."""
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120 - is quick


def base_folder() -> str:
    """Return the root of the repository, and the working directory where the program was installed as a copy."""
    return ROOT if os.path.isfile(os.path.join(ROOT, "setup.cfg")) else os.getcwd()  # noqa: PTH109, PTH113, PTH118


def put_first() -> None:
    """Let Python find the program's packages before all others, if it would find another one now.

    Raises:
        SystemExit: with code 2 and one line where another one has been imported already.
    """
    for name in NAMES:
        found = getattr(sys.modules[name], "__file__", None) if name in sys.modules else _find(name)
        if found == os.path.join(ROOT, name, "__init__.py"):  # noqa: PTH118
            continue
        if name in sys.modules:
            what = f"the package {name!r} of another program ({found}) was imported before the program's own"
            sys.stderr.write(f"wirechamber: {what}. Expected a Python that imports none when it starts.\n")
            sys.exit(2)
        if sys.path[:1] != [ROOT]:
            sys.path.insert(0, ROOT)


def _find(name: str) -> str | None:
    spec = find_spec(name)
    return spec.origin if spec else None


def describe_mixture(error: ImportError) -> str | None:
    """Return one line where another distribution has put a package of such a name into the same folder, else None.

    Both then lie in one folder of site-packages, and each has overwritten files of the other.
    """
    package = (error.name or "").partition(".")[0]
    if package not in NAMES:
        return None
    from importlib import metadata

    owners = set(metadata.packages_distributions().get(package, ())) - {"wirechamber"}
    if not owners:
        return None
    what = f"the package {package!r} is mixed with that of {', '.join(sorted(owners))} ({os.path.join(ROOT, package)})"  # noqa: PTH118
    return f"wirechamber: {what}. Expected an environment without it, or a checkout: python CHECKOUT/wirechamber.py"
