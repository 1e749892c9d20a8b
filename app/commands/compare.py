"""`wirechamber compare`: runs of one application compared on the same events; no TensorFlow."""

import argparse
from collections.abc import Iterator
from typing import Any

from app.commands._data import print_data, wants_data
from app.commands._parser import read_path, whole_number
from app.commands._results import show_plots
from app.comparison.compare import Comparison, compare
from app.comparison.compared_run import read_compared_runs
from app.comparison.tables import markdown, tables
from app.core.files import check_file, check_folder, make_folder, write_json, write_text
from app.runtime.console import console, table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("compared", nargs="+", metavar="RUN", help="names or paths of finished runs")
    parser.add_argument("--reference", metavar="RUN", help="the run that the others are compared with; else the first")
    help_text = "compare on the files of `evaluate RUN... --data`, which wrote into DIR where --out named it"
    parser.add_argument(
        "--evaluation", type=read_path, nargs="?", const=True, default=False, metavar="DIR", help=help_text
    )
    draws = whole_number(1, 10**6)
    parser.add_argument("--draws", type=draws, default=300, metavar="N", help="draws of the bootstrap (300)")
    parser.add_argument("--output-dir", type=read_path, metavar="DIR", help="draw the plots into this folder")
    help_text = "write every metric to this file, else print it for a script"
    parser.add_argument("--json", type=read_path, nargs="?", const=True, metavar="FILE", help=help_text)
    parser.add_argument("--csv", action="store_true", help="print every metric as CSV for a script")
    parser.add_argument("--markdown", type=read_path, metavar="FILE", help="write the tables to this file")


def execute(options: argparse.Namespace) -> int:
    """Print the tables; draw the plots, write the metrics and the tables where asked."""
    runs = read_compared_runs(options.compared, options.evaluation)
    if options.output_dir:
        check_folder(options.output_dir, "--output-dir")
    json_file = None if options.json is True else options.json
    for option, path in (("--json", json_file), ("--markdown", options.markdown)):
        if path:
            check_file(path, option)
    reference = options.reference and options.reference.rstrip("/").rpartition("/")[2]
    comparison = compare(runs, reference, options.draws)
    if wants_data(options):
        print_data(options, list(metrics_by_row(comparison)), comparison.dump())
    for content in () if wants_data(options) else tables(comparison):
        table(content.title, content.header, content.rows, content.numbers_from)
    if options.output_dir:
        from app.comparison.figures import draw

        make_folder(options.output_dir, "--output-dir")
        show_plots(draw(comparison, options.output_dir))
    if json_file:
        make_folder(json_file.parent, "--json")
        write_json(json_file, comparison.dump())
        console.print(f"metrics: {json_file}")
    if options.markdown:
        make_folder(options.markdown.parent, "--markdown")
        write_text(options.markdown, markdown(tables(comparison)))
        console.print(f"tables: {options.markdown}")
    return 0


def metrics_by_row(comparison: Comparison) -> Iterator[dict[str, Any]]:
    """Yield every metric of every run with its uncertainty."""
    for run, facts in comparison.dump()["runs"].items():
        for metric, figures in facts["figures"].items():
            yield {"run": run, "metric": metric, **figures}
