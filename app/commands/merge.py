"""`wirechamber merge`: shards into one file."""

import argparse

from app.commands._parser import read_path
from app.runtime.console import console
from datasets.files.merge import merge


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("files", nargs="+", type=read_path, help="shards to join")
    parser.add_argument("--out", type=read_path, required=True, metavar="FILE", help="the joined file")
    parser.add_argument("--resume", action="store_true", help="keep a file that holds exactly these events already")


def execute(options: argparse.Namespace) -> int:
    """Join the files, verified; files that do not belong together are refused."""
    merge(options.files, options.out, options.resume)
    console.print(f"merged {len(options.files)} files into {options.out}")
    return 0
