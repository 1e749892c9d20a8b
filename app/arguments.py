"""The command line's parser, whose mistakes read like those of job files."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from app.core.errors import nearest


class Parser(argparse.ArgumentParser):
    """Names the nearest verb or option; no abbreviations, which break when a new option comes."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **options})

    def error(self, message: str) -> Any:
        """End with exit code 2 and one line that names the nearest word."""
        wrong = next((word for word in sys.argv[1:] if word.partition("=")[0] in message), None)
        known = [word for action in self._actions for word in (*action.option_strings, *(action.choices or ()))]
        near = nearest(wrong.partition("=")[0], known) if wrong else None
        hint = f" Did you mean {near!r}?" if near and near != wrong else ""
        self.exit(2, f"{self.prog}: {message}.{hint}\n")
