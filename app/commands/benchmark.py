"""`wirechamber benchmark`: how fast finished runs predict; track models are compared with Runge-Kutta."""

import argparse
import json
from collections.abc import Mapping
from typing import Any

from app.commands._parser import whole_number
from app.core.files import check_folder, write_json
from app.runs.files import read_job
from app.runs.finished import find_all_finished
from app.runtime.console import console, table
from registry.record import number

OTHERS = ("columns", "runge_kutta")
"""Rows of other extrapolators in benchmark.json, which are equal for runs on the same tracks."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    count = whole_number(1)
    parser.add_argument("finished", nargs="+", metavar="RUN", help="name or path of a finished run")
    text = "events in one call"
    sizes = [1, 32, 256, 1024, 4096]
    parser.add_argument("--batch-sizes", nargs="+", type=count, default=sizes, metavar="N", help=text)
    parser.add_argument("--warmup", type=count, default=10, metavar="N", help="calls that are not measured")
    parser.add_argument("--iterations", type=count, default=100, metavar="N", help="calls that are measured")
    text = "tracks for the comparison with Runge-Kutta"
    parser.add_argument("--n-tracks", type=whole_number(1, 10**7), default=10000, metavar="N", help=text)
    text = "another extrapolator: key, x, y (and seconds per track) of the test tracks in a .csv, .npz or .root file"
    parser.add_argument("--column", action="append", default=[], metavar="NAME=FILE", help=text)


def execute(options: argparse.Namespace) -> int:
    """Write each run's benchmark.json and print its tables; all runs are checked before the first is measured."""
    runs = find_all_finished(options.finished, "normalization", "model")
    for run in runs:
        check_folder(run.path)
    from app.benchmark.user_columns import read_column
    from app.runtime import device

    columns = [read_column(text) for text in options.column]
    device.prepare(0)
    from app.benchmark.measure import benchmark
    from app.data.loading import load_data
    from app.evaluation import load

    jobs = [read_job(run.job) for run in runs]
    settings = (sorted(set(options.batch_sizes)), options.warmup, options.iterations, options.n_tracks)
    runge_kutta: dict[str, Any] = {}
    same_tracks: dict[str, dict[str, dict[str, Any]]] = {}
    for run, job in zip(runs, jobs, strict=True):
        content = benchmark(job, load_data(job), load(str(run.path)).model, *settings, runge_kutta, columns)
        write_json(run.benchmark, content)
        show_throughput(run.name, content)
        console.print(f"benchmark: {run.benchmark}")
        if "runge_kutta" in content or columns:
            others = json.dumps([content.get(name) for name in OTHERS])
            same_tracks.setdefault(others, {})[run.name] = content
    for contents in same_tracks.values():
        show_runge_kutta(contents)
    return 0


def show_throughput(run: str, content: dict[str, Any]) -> None:
    """Print events/s by batch size and engine."""
    sizes = content["batch_sizes"]
    rows: dict[tuple[str, str], list[str]] = {}
    for of_size in sizes.values():
        for device, engines in of_size["engines"].items():
            for engine, values in engines.items():
                times = f"{1e3 * values['median']:.3g}, {1e3 * values['quantile_95']:.3g}"
                cell = f"{values['throughput']:,.0f} ({times}; {values['share_of_matmul_peak']:.1%})"
                rows.setdefault((device, engine), []).append(cell)
    model = f"{content['parameters']:,} parameters, {content['flops_per_event']:,} FLOPs per event"
    title = f"{run}: events/s (ms per batch, 95 %; share of the matmul peak); {model}; {content['device']}"
    table(title, ["batch", *sizes], [[f"{device} {engine}", *cells] for (device, engine), cells in rows.items()])


def show_runge_kutta(contents: Mapping[str, dict[str, Any]]) -> None:
    """Print accuracy and speed of runs on the same tracks, of other extrapolators on these, and which wins."""
    rows = []
    for run, content in contents.items():
        best = max(of_size["throughput_cpu"] for of_size in content["batch_sizes"].values())
        if "pos_mean_mm" in content:
            rows.append([run, "", number(content["pos_mean_mm"]), f"{best:,.0f}"])
    for row in (row for name in OTHERS for row in next(iter(contents.values())).get(name, [])):
        speed = f"{row['throughput']:,.0f}" if "throughput" in row else "not given"
        rows.append([row["engine"], str(row["steps"] or ""), number(row["pos_mean_mm"]), speed])
    table("Runge-Kutta on the same tracks", ["", "steps", "mean error [mm]", "tracks/s"], rows)
    for run, content in contents.items():
        if "verdict" in content:
            console.print(f"{run}: {content['verdict']}" if len(contents) > 1 else content["verdict"])
