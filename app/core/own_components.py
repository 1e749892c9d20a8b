"""Folders of components of the user's own, outside of the program: $WIRECHAMBER_COMPONENTS, divided by colons."""

import os
from pathlib import Path

from app.core.errors import Problem, UserError
from app.core.paths import check_path

VARIABLE = "WIRECHAMBER_COMPONENTS"


def own_roots() -> list[Path]:
    """Return the folders that the variable names; raises UserError for one that is none."""
    found = []
    for text in filter(None, os.environ.get(VARIABLE, "").split(os.pathsep)):
        folder = check_path(text, (VARIABLE,)).expanduser().absolute()
        if not folder.is_dir():
            raise UserError(Problem("no such folder", (VARIABLE,), expected="folders of components", received=text))
        found.append(folder)
    return found


def own_folders(package: str) -> list[Path]:
    """Return the user's folders for the components of a package: DIR/losses for `losses`, DIR/app/models for models."""
    places = [root.joinpath(*package.split(".")) for root in own_roots()]
    return [place for place in places if place.is_dir()]


def extend(package: str, places: list[str]) -> None:
    """Let a package find the modules in the user's folders too.

    Args:
        package: its name.
        places: its `__path__`.

    Raises:
        UserError: a file there has the name of one of the program's, which would hide it.
    """
    for folder in own_folders(package):
        if str(folder) in places:
            continue
        for file in sorted(folder.glob("[!_]*.py")):
            if any(Path(place, file.name).exists() for place in places):
                what = f"{package} has a file of this name already, which would hide it"
                raise UserError(Problem(what, (str(file),), expected="another name"))
        places.append(str(folder))


def is_own(package: str, module: str) -> bool:
    """Whether a module of a package lies in one of the user's folders."""
    return any((folder / f"{module}.py").exists() or (folder / module).is_dir() for folder in own_folders(package))
