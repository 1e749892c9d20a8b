"""Every verb with its summary and its arguments."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from app.arguments import at_most, natural, positive

Add = Callable[[argparse.ArgumentParser], None]


def _run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="a job, sweep or workflow file")
    _set(parser)
    kept = parser.add_mutually_exclusive_group()
    kept.add_argument("--resume", action="store_true", help="continue a run from its last checkpoint, or begin it")
    kept.add_argument("--overwrite", action="store_true", help="replace a run of the same name")
    parser.add_argument("--dry-run", action="store_true", help="build everything on a few events, write nothing")
    parser.add_argument("--workers", type=positive, metavar="N", help="of a workflow: at most N nodes at once (1)")
    parser.add_argument("--limit", type=positive, metavar="N", help="at most N events in each split: a smoke run")
    parser.add_argument("--deterministic", action="store_true", help="the same bits in every run; may be slower")


def _submit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", type=Path, metavar="FILE", help="a job, sweep or workflow file")
    _set(parser)
    parser.add_argument("--resume", action="store_true", help="go on with runs that were begun")
    parser.add_argument("--dry-run", action="store_true", help="print the submit description, submit nothing")
    parser.add_argument("--no-estimate", action="store_true", help="do not build the models to estimate their memory")
    parser.add_argument("--logs", type=Path, metavar="DIR", help="folder of the submissions (else $WIRECHAMBER_LOGS)")


def _estimate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", type=Path, metavar="FILE", help="a job or sweep file")
    _set(parser)


def _status(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--all", action="store_true", help="those that are done as well")
    parser.add_argument("--logs", type=Path, metavar="DIR", help="folder of the submissions (else $WIRECHAMBER_LOGS)")


def _resubmit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="RUN", help="all that are held or have failed without it")
    parser.add_argument("--memory", metavar="SIZE", help='ask for this, e.g. "4GB", and not for what seems enough')
    parser.add_argument("--logs", type=Path, metavar="DIR", help="folder of the submissions (else $WIRECHAMBER_LOGS)")


def _set(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--set", action="append", default=[], metavar="PATH=VALUE", dest="overrides", help="change a value"
    )


def _validate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    _set(parser)


def _list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", nargs="?", help="e.g. losses; all kinds without it")
    parser.add_argument("name", nargs="?", help="explain one component with its parameters")
    parser.add_argument("--markdown", action="store_true", help="print docs/job_files.md")


def _schema(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, help="write to this file instead of printing")


def _simulate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", nargs="?", help="e.g. track_states; -h behind it explains its options")
    parser.add_argument("--out", type=Path, help="folder of the shards; an interrupted one is continued")
    parser.add_argument("--shard", type=natural, metavar="N", help="only the shard of this number, the first is 0")
    parser.epilog = "Every parameter of the simulator is an option: --tracks 100000 --momentum 2 100."
    parser.set_defaults(usage=parser.format_help)


def _convert(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", nargs="?", help="e.g. trigger_primitives; -h behind it explains its options")
    parser.add_argument("--out", type=Path, help="folder of what is written")
    parser.epilog = "wirechamber convert trigger_primitives FILE.root --out images/ --width 32"
    parser.set_defaults(usage=parser.format_help)


def _merge(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=Path, help="shards to join")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--resume", action="store_true", help="a file that holds just this already is well")


def _inspect(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", help="npz or ROOT files, or one job file: its events and their weights")
    parser.add_argument("--dataset", default="track_states", help="the loader to try")
    parser.add_argument("--output-dir", type=Path, default=Path(), help="of the plots of images and weights; else here")
    _set(parser)


def _evaluate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", help="name or path of a run")
    parser.add_argument("--data", nargs="+", metavar="FILE", help="other files of the same kind; else the test split")
    parser.add_argument("--out", type=Path, help="folder for predictions and metrics (with --data)")
    parser.add_argument("--root", action="store_true", help="write predictions.root besides: a flat ROOT tree")
    parser.add_argument(
        "--jacobian",
        nargs="?",
        type=positive,
        const=1000,
        metavar="N",
        help="hold d(x, y, tx, ty) out / d(x, y, tx, ty, q/p) in of N tracks (1000) against Runge-Kutta: jacobian.json",
    )


def _export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", help="name or path of a finished run")
    parser.add_argument("--root", action="store_true", help="write the saved predictions as predictions.root besides")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of the files; else the run's own")


def _best(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("application", help="e.g. track_extrapolation")
    parser.add_argument("--copy-to", type=Path, metavar="DIR", help="copy model, ONNX, job, metrics, provenance there")
    parser.add_argument("--data", metavar="FINGERPRINT", help="among the runs on these data; else where most runs are")


def _benchmark(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("finished", nargs="+", metavar="RUN", help="name or path of a finished run")
    parser.add_argument("--batch-sizes", nargs="+", type=positive, default=[1, 32, 256, 1024, 4096], metavar="N")
    parser.add_argument("--warmup", type=positive, default=10, metavar="N", help="calls that are not measured")
    parser.add_argument("--iterations", type=positive, default=100, metavar="N", help="calls that are measured")
    parser.add_argument(
        "--n-tracks", type=at_most(10**7), default=10000, metavar="N", help="for Runge-Kutta beside the model"
    )


def _plots(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", help="name or path of a run")
    parser.add_argument("--names", nargs="+", metavar="PLOT", help="which plots; all that apply without it")
    parser.add_argument("--tasks", nargs="+", metavar="TASK", help="only these; without --names what is drawn per task")
    parser.add_argument("--output-dir", type=Path, help="else the run's plots/")


def _compare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("compared", nargs="+", metavar="RUN", help="names or paths of finished runs")
    parser.add_argument("--reference", metavar="RUN", help="the run that the others are held against; else the first")
    parser.add_argument("--draws", type=at_most(10**6), default=300, metavar="N", help="of the test events (300)")
    parser.add_argument("--output-dir", type=Path, metavar="DIR", help="draw the plots into this folder")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to this file")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables to this file")


def _report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--application", help="only this application")
    parser.add_argument("--out", type=Path, default=Path("report.html"), metavar="FILE", help="else report.html")
    parser.add_argument(
        "--pictures",
        type=natural,
        default=200,
        metavar="N",
        help="runs of each application, the best, with plots (200)",
    )


def _track(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("finished", nargs="+", metavar="RUN", help="name or path of a finished run")
    parser.add_argument("--uri", help="MLflow server or store; else what the run's job says")
    parser.add_argument("--experiment", help="else what the job says, or the application")


def _registry(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "words", nargs="*", metavar="note RUN TEXT", help="add a note to a run; without it, list the runs"
    )
    parser.add_argument("--application", help="only this application")
    parser.add_argument("--state", help="only runs in this state")
    parser.add_argument("--sort", metavar="METRIC", help="sort by this metric")
    parser.add_argument("--check", action="store_true", help="say where the registry and the run directories disagree")
    parser.add_argument("--repair", action="store_true", help="say it, and mend the registry from the directories")


def _init(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("data", type=Path, help="a ROOT or npz file")
    parser.add_argument("--out", type=Path, help="write the job file here instead of printing it")


OPEN_VERBS = ("simulate", "convert")  # their further options come from a component's signature
VERBS: dict[str, tuple[str, Add]] = {
    "run": ("Run a job, every job of a sweep, or a workflow: simulate, train, measure, register.", _run),
    "estimate": ("Say what a job needs: parameters, memory, the largest batch that fits a GPU.", _estimate),
    "submit": ("Hand a job, every job of a sweep, or a workflow to an HTCondor pool.", _submit),
    "status": ("Show what became of submitted runs; the registry follows.", _status),
    "resubmit": ("Release held jobs and submit failed ones again, with more memory where it lacked.", _resubmit),
    "init": ("Write a job skeleton from the columns of a data file.", _init),
    "validate": ("Check job files; every mistake is reported at once.", _validate),
    "list": ("List components, or explain one.", _list),
    "schema": ("Print the JSON Schema of job files, for editors.", _schema),
    "simulate": ("Write simulated data files.", _simulate),
    "convert": ("Turn files of other kinds into those that the loaders read.", _convert),
    "merge": ("Join shards into one file, verified.", _merge),
    "inspect": ("Print what is in a data file and what a loader makes of it, or what a job's weights do.", _inspect),
    "evaluate": ("Predict and measure with a finished run's model.", _evaluate),
    "export": ("Write a finished run's model as ONNX, checked against Keras.", _export),
    "benchmark": ("Measure how fast finished runs predict, beside Runge-Kutta where they extrapolate.", _benchmark),
    "best": ("Show the best run of an application, and copy its model.", _best),
    "plots": ("Draw a run's plots again from its saved predictions.", _plots),
    "compare": ("Hold finished runs of one application against each other, with uncertainties.", _compare),
    "report": ("Write one HTML page about all runs, that opens without a network.", _report),
    "track": ("Send finished runs to MLflow: those that it missed, or all of them to another server.", _track),
    "registry": ("List the registry, or note something about a run.", _registry),
}
