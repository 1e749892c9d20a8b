"""`wirechamber merge`: shards into one file."""

from __future__ import annotations

import argparse

from app.runtime.console import console
from datasets.files.merge import merge


def execute(options: argparse.Namespace) -> int:
    """Join the files, verified; files that do not belong together are refused."""
    merge(options.files, options.out, options.resume)
    console.print(f"merged {len(options.files)} files into {options.out}")
    return 0
