"""`wirechamber plots`: redraw a run's plots from its history and saved predictions alone; no TensorFlow."""

import argparse

from app.commands._parser import read_path
from app.core.errors import Problem, UserError
from app.runs.find import find_run
from app.runs.plots import draw_plots
from app.runtime.console import console


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("run", metavar="RUN", help="name or path of a run")
    parser.add_argument("--names", nargs="+", metavar="PLOT", help="which plots; all that apply without it")
    parser.add_argument("--tasks", nargs="+", metavar="TASK", help="only these; without --names what is drawn per task")
    parser.add_argument("--output-dir", type=read_path, help="else the run's plots/")


def execute(options: argparse.Namespace) -> int:
    """Draw the plots and print their paths."""
    run = find_run(options.run)
    if not run.predictions.exists():
        raise UserError(Problem("the run has no predictions yet", (str(run.path),), expected="a run that is done"))
    for path in draw_plots(run, options.names, options.output_dir, options.tasks):
        console.print(f"plot: {path}")
    return 0
