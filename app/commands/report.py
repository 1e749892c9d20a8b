"""`wirechamber report`: one HTML page about all runs, written or kept open on this machine; no TensorFlow."""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import registry
from app.commands._parser import add_logs, read_path, whole_number
from app.core.errors import WirechamberError
from app.core.files import check_file, make_folder, write_text
from app.report.news import moment
from app.report.page import Page
from app.runs.directory import runs_root
from app.runtime.console import console
from registry.record import Record

PORT = 8765
WAITING = ("queued", "idle", "evicted", "held", "resubmitted")
"""States that only a pool gives; a run there that is running has the number of its job."""
POLL = 20.0
"""Seconds between two looks at the logs of the pool."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("--application", help="only this application")
    parser.add_argument("--out", type=read_path, default=Path("report.html"), metavar="FILE", help="else report.html")
    text = "how many runs of each application, the best, have plots (200)"
    parser.add_argument("--pictures", type=whole_number(0), default=200, metavar="N", help=text)
    text = "what happened in the last N days is new, or since the page that is replaced (7)"
    parser.add_argument("--days", type=whole_number(0, 99_999), default=7, metavar="N", help=text)
    text = "keep the page open on this machine, for its browsers alone, with what is running; writes no file"
    parser.add_argument("--serve", action="store_true", help=text)
    text = f"of --serve ({PORT}); 0 takes any that is free"
    parser.add_argument("--port", type=whole_number(0, 65_535), default=PORT, metavar="N", help=text)
    add_logs(parser)


def execute(options: argparse.Namespace) -> int:
    """Write the page and say where it is, or serve it until Ctrl-C."""
    remedies = follow_pool(options.logs)

    def page(served: bool = False) -> Page:
        registry.settle(registry.root())
        since = moment(options.days, None if served else options.out)
        known = (options.application, options.pictures, since, remedies())
        return Page(registry.root(), runs_root(), *known, served=served)

    if options.serve:
        return serve(options.port, lambda: page(served=True))
    check_file(options.out, "--out")
    text = page().render()
    make_folder(options.out.parent, "--out")
    write_text(options.out, text)
    console.print(f"report: {options.out} ({len(text) / 1e6:.1f} MB)")
    return 0


def serve(port: int, page: Callable[[], Page]) -> int:
    """Answer browsers on this machine until a signal ends the command."""
    from app.report.server import LOOPBACK, make_server

    with make_server(port, page) as server:
        console.print(f"report: http://{LOOPBACK}:{server.server_port}/ until Ctrl-C")
        server.serve_forever()
    return 0


def follow_pool(logs: Path | None) -> Callable[[], dict[str, str]]:
    """Return a function that brings runs in a pool up to date from its logs, and says what to do about held ones."""
    seen, remedies, said = -POLL, dict[str, str](), ""

    def follow() -> dict[str, str]:
        nonlocal seen, remedies, said
        if time.monotonic() - seen >= POLL and any(map(_is_in_pool, registry.read_all(registry.root()).records)):
            from app.submission.status import follow_registry, gather
            from jobs.submission import submissions_root

            seen = time.monotonic()
            try:
                jobs = gather(logs or submissions_root(runs_root()), None)
                remedies = {job.run: job.explanation.remedy(job.run) for job in jobs if job.explanation is not None}
                follow_registry(jobs, asked=False)
            except (WirechamberError, OSError) as error:  # e.g. the registry of another user
                if str(error) != said:
                    console.print(f"the state of the pool is not known: {error}", style="yellow")
                said = str(error)
        return remedies

    return follow


def _is_in_pool(record: Record) -> bool:
    return record.state in WAITING or (record.state == "running" and record.job_id is not None)
