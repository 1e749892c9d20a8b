"""`wirechamber benchmark`: how fast finished runs predict; track models are compared with Runge-Kutta."""

from __future__ import annotations

import argparse
from typing import Any

from app.commands._parser import at_most, positive
from app.core.files import check_folder, write_json
from app.runs.files import read_file
from app.runs.finished import find_all_finished
from app.runtime.console import console, table
from registry.record import number


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("finished", nargs="+", metavar="RUN", help="name or path of a finished run")
    parser.add_argument("--batch-sizes", nargs="+", type=positive, default=[1, 32, 256, 1024, 4096], metavar="N")
    parser.add_argument("--warmup", type=positive, default=10, metavar="N", help="calls that are not measured")
    parser.add_argument("--iterations", type=positive, default=100, metavar="N", help="calls that are measured")
    parser.add_argument(
        "--n-tracks", type=at_most(10**7), default=10000, metavar="N", help="tracks for the comparison with Runge-Kutta"
    )


def execute(options: argparse.Namespace) -> int:
    """Write each run's benchmark.json and print its tables; all runs are checked before the first is measured."""
    runs = find_all_finished(options.finished, "normalization", "model")
    for run in runs:
        check_folder(run.path)
    from app.runtime import device

    device.prepare(0)
    from app.benchmark.measure import benchmark
    from app.config.job_file import parse
    from app.data.loading import load_data
    from app.evaluation import load

    jobs = [parse(read_file(run.job), str(run.job)) for run in runs]
    known: dict[str, Any] = {}
    for run, job in zip(runs, jobs, strict=True):
        calls = (sorted(set(options.batch_sizes)), options.warmup, options.iterations, options.n_tracks)
        found = benchmark(job, load_data(job), load(str(run.path)).model, *calls, known)
        write_json(run.benchmark, found)
        show(run.name, found)
        console.print(f"benchmark: {run.benchmark}")
    return 0


def show(run: str, found: dict[str, Any]) -> None:
    """Print events/s by batch size and engine, and the rows of Runge-Kutta."""
    sizes = list(found["batch_sizes"])
    names = [(d, n) for d, known in found["batch_sizes"][sizes[0]]["engines"].items() for n in known] if sizes else []
    rows = [[f"{d} {n}", *(_cell(found["batch_sizes"][size]["engines"][d][n]) for size in sizes)] for d, n in names]
    words = f"{found['parameters']:,} parameters, {found['flops_per_event']:,} FLOPs per event"
    title = f"{run}: events/s (ms per batch, 95 %; share of the matmul peak); {words}; {found['device']}"
    table(title, ["batch", *sizes], rows)
    if "runge_kutta" in found:
        _show_runge_kutta(run, found)


def _cell(figures: dict[str, Any]) -> str:
    times = f"{1e3 * figures['median']:.3g}, {1e3 * figures['quantile_95']:.3g}"
    return f"{figures['throughput']:,.0f} ({times}; {figures['share_of_matmul_peak']:.1%})"


def _show_runge_kutta(run: str, found: dict[str, Any]) -> None:
    best = max(figures["throughput_cpu"] for figures in found["batch_sizes"].values())
    rows = [[run, "", number(found["pos_mean_mm"]), f"{best:,.0f}"]]
    rows += [
        [row["engine"], str(row["steps"]), number(row["pos_mean_mm"]), f"{row['throughput']:,.0f}"]
        for row in found["runge_kutta"]
    ]
    table("Runge-Kutta on the same tracks", ["", "steps", "mean error [mm]", "tracks/s"], rows)
    console.print(found["verdict"])
