"""`wirechamber check`: whether a dataset, one of the user's own too, keeps what the program relies on."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.commands._data import print_data, wants_data
from app.commands._parser import add_formats, add_overrides, read_path
from app.config.job_file import assign, load, parse_override
from app.core.errors import Problem, UserError
from app.core.files import find_files
from app.runtime.console import table
from datasets import DATASETS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("kind", choices=("dataset",), help="what is checked")
    parser.add_argument("name", metavar="NAME", help="of the dataset")
    parser.add_argument("--files", nargs="+", metavar="FILE", help="data files; its keys are set with --set KEY=VALUE")
    parser.add_argument("--config", type=read_path, help="a job whose files and keys are taken in their place")
    add_overrides(parser)
    add_formats(parser)


def execute(options: argparse.Namespace) -> int:
    """Print what was tried and found; raises UserError with all that the dataset does not keep."""
    spec, files, targets = chosen_dataset(options)
    from app.data.contract import Subject, check_contract

    rows, mistakes = [], list[Problem]()
    for rule, found in check_contract(Subject(spec, files, targets)):
        failed = isinstance(found, UserError)
        what = found.problems[0].what if isinstance(found, UserError) else found
        rows.append({"rule": rule, "result": "FAILED" if failed else "kept", "found": what})
        mistakes += found.problems if isinstance(found, UserError) else ()
    if wants_data(options):
        print_data(options, rows)
    else:
        title = f"dataset {spec.name}, {len(files)} file{'s' * (len(files) > 1)}"
        table(title, ["rule", "result", "found"], [list(row.values()) for row in rows], numbers_from=3)
    if mistakes:
        place = f"dataset {spec.name}"
        raise UserError(*(p if p.where[:1] == (place,) else p.under(place) for p in mistakes))
    return 0


def chosen_dataset(options: argparse.Namespace) -> tuple[Any, Sequence[Path], Sequence[str] | None]:
    """Return the dataset, its files, which are simulated first where a job says so, and the targets of the job."""
    if (options.files is None) == (options.config is None):
        received = "neither" if options.files is None else "both"
        expected = "--files FILE... or --config JOB"
        raise UserError(Problem("which files are read?", ("check dataset",), expected=expected, received=received))
    if options.config is None:
        content: dict[str, Any] = {"name": options.name, "files": options.files}
        for text in options.overrides:
            keys, value = parse_override(text)
            assign(content, keys[1:] if keys[0] == "dataset" else keys, value)
        return DATASETS.parse(content), find_files(options.files, ("--files",), Path.cwd()), None
    from app.data.loading import data_root, simulated_files

    job = load(options.config, options.overrides)[0]
    spec = job.dataset
    if spec.name != options.name:
        place = (str(options.config), "dataset", "name")
        raise UserError(Problem("another dataset", place, expected=repr(options.name), received=spec.name))
    files = spec.options.files
    paths = find_files(files, ("dataset", "files")) if files else simulated_files(spec, data_root())
    return spec, paths, [target for task in job.tasks.values() for target in task.targets]
