"""`wirechamber inspect`: the content of a data file, and how a loader reads it."""

import argparse
import importlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.commands._data import print_data, wants_data
from app.commands._parser import add_formats, add_overrides, read_path, whole_number
from app.config.job_file import assign, load, parse_override
from app.core.errors import Problem, UserError
from app.core.files import find_files
from app.data.columns import ROWS, shown, summarize
from app.data.first_job import recognize
from app.runtime.console import console, table
from datasets import DATASETS
from datasets.pipeline.checked import open_source

HEADER = ("column", "unit", "rows", "type", "least", "median", "largest", "NaN", "duplicates")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("files", nargs="+", help="data files, or one job file: its events and their weights")
    parser.add_argument(
        "--dataset", help="the loader to try, with checks of its own; else the one that knows the file by its names"
    )
    text = "look at the first N events of each column, and at the first blocks alone that the loader reads"
    parser.add_argument("--rows", type=whole_number(1), metavar="N", help=text)
    parser.add_argument(
        "--output-dir", type=read_path, default=Path(), help="of the plots of images and weights; else here"
    )
    add_overrides(parser)
    add_formats(parser)


def execute(options: argparse.Namespace) -> int:
    """Print every column of every file and the checks of the dataset; of a job also its splits and weights."""
    if options.files[0].endswith(".json"):
        given = [name for name in ("rows", "json", "csv") if getattr(options, name)]
        if given:
            raise UserError(Problem("a job file is read whole", ("inspect", f"--{given[0]}"), expected="data files"))
        return inspect_job(options)
    most = options.rows or ROWS
    paths = find_files(options.files, ("inspect",), Path.cwd())
    if wants_data(options):
        found = [(path, tree, c) for path in paths for tree, columns in summarize(path, most).items() for c in columns]
        print_data(options, [{"file": str(path), "tree": tree.lstrip(":"), **c.dump()} for path, tree, c in found])
        return 0
    several = show_columns(paths, most)
    content: dict[str, Any] = {}
    for text in options.overrides:
        keys, value = parse_override(text)
        assign(content, keys[1:] if keys[0] == "dataset" else keys, value)
    known = None if options.dataset else recognize(paths[0])
    if known:
        console.print(f"{known.loader} reads this file: {known.recognized.why}")
        content = {**known.dataset(options.files), **content}
        if len(paths) == 1:  # others may belong to it
            paths = find_files(content["files"], ("inspect",), Path.cwd())
    loader = options.dataset or (known.loader if known else "track_states" if content else None)
    if loader is None:
        if several:
            console.print(describe_several(several))
        console.print(f"wirechamber init {paths[0]} makes a job of its columns; --dataset NAME tries a loader")
        return 0
    spec = DATASETS.parse({**content, "name": loader, "files": [str(path) for path in paths]})
    if options.rows is None and options.dataset:
        show_quality(spec, paths, options.output_dir)
    try_loader(spec, paths, options.rows or (None if options.dataset else ROWS))
    return 0


def show_columns(paths: Sequence[Path], most: int) -> list[str]:
    """Print the columns of each file, of `most` rows; return the names of those with several values per row."""
    several: dict[str, None] = {}
    for path in paths:
        for name, columns in summarize(path, most).items():
            several |= dict.fromkeys(column.several for column in columns if column.several)
            note = f" (a sample: figures of the first {most:,} rows)" if any(c.rows > most for c in columns) else ""
            rows = [[c.name, c.unit, str(c.rows), c.kind, *c.figures()] for c in columns]
            table(f"{path}{name}{note}", HEADER, rows, numbers_from=2)
            for column in columns:
                if column.reason:
                    console.print(f"{column.name}: {column.kind} ({column.reason})")
    return list(several)


def describe_several(names: Sequence[str]) -> str:
    """Say how columns with several values per row can be used."""
    of = f"{', '.join(names[:3])}{f' and {len(names) - 3:,} more' if len(names) > 3 else ''}"
    use = f"a table takes one element of a list, as {names[0]}[0], a loader whole arrays (docs/your_own_data.md)"
    return f"several values per row: {of}; {use}"


def inspect_job(options: argparse.Namespace) -> int:
    """Print the quality of the files that each job reads, or simulates first, and its splits and weights."""
    from app.data.job_report import show_events
    from app.data.loading import data_root, simulated_files
    from app.runtime import device

    if len(options.files) > 1:
        raise UserError(Problem("one job file at a time", ("inspect",), received=options.files))
    for job in load(Path(options.files[0]), options.overrides):
        device.prepare(job.seed)
        if job.dataset.component.facts.quality:
            files = job.dataset.options.files
            paths = find_files(files, ("dataset", "files")) if files else simulated_files(job.dataset, data_root())
            show_quality(job.dataset, paths, options.output_dir)
        show_events(job, options.output_dir)
    return 0


def show_quality(spec: Any, paths: Sequence[Path], folder: Path) -> None:
    """Print and draw the dataset's own checks of the quality of its files, where it has any."""
    module = spec.component.facts.quality
    if module:
        from app.data.quality_figures import draw_quality

        quality = importlib.import_module(module).quality(paths, spec.parameters, spec.options.split)
        for title, columns, rows in quality.tables:
            table(title, columns, rows, numbers_from=1)
        for path in draw_quality(quality.samples, spec.options.split, spec.name, folder):
            console.print(f"plot: {path}")


def try_loader(spec: Any, paths: Sequence[Path], most: int | None = None) -> None:
    """Read all files, or blocks up to `most` events, as a training would, and print what the loader makes of them.

    Raises:
        UserError: with the mistakes that a training would report.
    """
    name, count, read = f"the dataset {spec.name}", 0, 0
    try:
        source = open_source(spec, paths)
        for block in shown(source.blocks, name, "blocks"):
            if most is None or count < most:
                count, read = count + len(block()), read + 1
    except UserError as error:
        raise UserError(*(replace(p, what=f"{name} refuses this: {p.what}") for p in error.problems)) from None
    inputs = ", ".join(f"{n} ({', '.join(c.name for c in i.columns)})" for n, i in source.inputs.items())
    blocks = f"{len(source.blocks)} block{'s' * (len(source.blocks) > 1)}"
    if read < len(source.blocks):
        blocks = f"the first {read} of {blocks} (a sample of {source.rows:,} rows; its quality is not checked)"
    console.print(f"{name} reads {count:,} events in {blocks}; inputs {inputs}; targets {', '.join(source.targets)}")
    console.print(f"fingerprint {source.fingerprint}")
