"""`wirechamber report`: one HTML page about all runs; no TensorFlow."""

import argparse
from pathlib import Path

import registry
from app.commands._parser import read_path, whole_number
from app.core.files import check_file, make_folder, write_text
from app.report.page import render
from app.runs.directory import runs_root
from app.runtime.console import console


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("--application", help="only this application")
    parser.add_argument("--out", type=read_path, default=Path("report.html"), metavar="FILE", help="else report.html")
    text = "how many runs of each application, the best, have plots (200)"
    parser.add_argument("--pictures", type=whole_number(0), default=200, metavar="N", help=text)


def execute(options: argparse.Namespace) -> int:
    """Write the page and say where it is."""
    check_file(options.out, "--out")
    registry.settle(registry.root())
    page = render(registry.root(), runs_root(), options.application, options.pictures)
    make_folder(options.out.parent, "--out")
    write_text(options.out, page)
    console.print(f"report: {options.out} ({len(page) / 1e6:.1f} MB)")
    return 0
