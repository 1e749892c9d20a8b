"""`wirechamber init`: a job that runs, from a data file's own columns."""

import argparse
import contextlib
import json
import sys
from pathlib import Path

from app.commands._parser import read_path
from app.core.errors import Problem, UserError
from app.core.files import find_files, write_text
from app.data.first_job import first_job
from app.runtime.console import console


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""

    def names(text: str) -> list[str]:
        return [name.strip() for name in text.split(",") if name.strip()]

    parser.add_argument("data", help="a ROOT, npz, HDF5, Parquet or CSV file")
    parser.add_argument("--inputs", type=names, default=[], metavar="A,B", help="columns that the network sees")
    parser.add_argument("--targets", type=names, default=[], metavar="C,D", help="columns that are learned")
    parser.add_argument("--tree", help="the tree of a ROOT file, the group of an HDF5 file")
    parser.add_argument("--out", type=read_path, help="write the job file here instead of printing it")


def execute(options: argparse.Namespace) -> int:
    """Print the job, or write it to a new file."""
    path = find_files([options.data], ("init",), Path.cwd())[0]
    if options.out is not None and options.out.exists():
        raise UserError(Problem("exists already", (str(options.out),), expected="the name of a new file"))
    with contextlib.redirect_stdout(sys.stderr):  # what is said of the guesses is no part of the job
        job = first_job(path, options.tree, options.inputs, options.targets)
    text = json.dumps(job, indent=2) + "\n"
    if options.out is None:
        console.print(text, end="")
        sys.stderr.write(f"save it with: wirechamber init {options.data} --out job.json\n")
        return 0
    write_text(options.out, text)
    console.print(f"written: {options.out}; train it with: wirechamber run {options.out}")
    return 0
