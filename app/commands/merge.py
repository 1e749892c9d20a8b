"""`wirechamber merge`: shards into one file."""

import argparse
from pathlib import Path

from app.commands._parser import read_path
from app.core.files import find_files
from app.runtime.console import console
from datasets.files.merge import merge


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("files", nargs="+", help="shards to join, or patterns of them")
    parser.add_argument("--out", type=read_path, required=True, metavar="FILE", help="the joined file")
    parser.add_argument("--resume", action="store_true", help="keep a file that holds exactly these events already")


def execute(options: argparse.Namespace) -> int:
    """Join the files, verified; files that do not belong together are refused."""
    files = [path for path in find_files(options.files, start=Path.cwd()) if path != options.out.absolute()]
    merge(files, options.out, options.resume)
    console.print(f"merged {len(files)} files into {options.out}")
    return 0
