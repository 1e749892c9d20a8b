"""The page: the content of the registry and of the runs, filled into the template."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import registry
from app.core.errors import Problem, UserError, unknown
from app.plots.drawing.thumbnails import embed_pictures
from app.report.leaderboard import Leaderboard, make_leaderboards
from app.report.section import read_section
from registry import cells
from registry.record import number

HERE = Path(__file__).parent


def render(root: Path, runs: Path, application: str | None, pictured: int) -> str:
    """Return the HTML of the report.

    Args:
        root: the registry's folder.
        runs: the folder of the runs.
        application: only this one.
        pictured: so many runs of each application, the best, have their plots in the page: of 200 they are 50 MB.

    Raises:
        UserError: the registry holds no run, or none of the application.
    """
    contents = registry.read_all(root)
    contents.warn(root)
    applications = sorted({record.application for record in contents.records})
    if not applications:
        raise UserError(Problem("no run to report", (str(root),), expected="a registry with one run or more"))
    if application is not None and application not in applications:
        raise UserError(unknown("application", application, applications, ("--application",)))
    contents = replace(contents, records=tuple(r for r in contents.records if application in (None, r.application)))
    sections = {r.run: read_section(r, runs, contents.remarks.get(r.run, "")) for r in contents.records}
    values = {
        "boards": [with_pictures(board, pictured) for board in make_leaderboards(contents, sections)],
        "damaged": contents.damaged,
        "made": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "pictured": pictured,
    }
    return str(_environment().get_template("report.html").render(**values))


def with_pictures(board: Leaderboard, count: int) -> Leaderboard:
    """Return the leaderboard with the plots of `count` runs: the best on each data set, then the second best, ..."""
    ranked = [(rank, section) for _, group in board.groups for rank, section in enumerate(group) if section.plots]
    best = [section for _, section in sorted(ranked, key=lambda pair: pair[0])][:count]
    addresses = embed_pictures(path for section in best for path in section.plots)
    pictures = {
        section.record.run: {p.stem.replace("_", " "): addresses[p] for p in section.plots if p in addresses}
        for section in best
    }
    groups = [
        (data, [replace(section, pictures=pictures.get(section.record.run, {})) for section in group])
        for data, group in board.groups
    ]
    return replace(board, groups=groups)


def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    static = {path.name: Markup(path.read_text(encoding="utf-8")) for path in (HERE / "static").iterdir()}
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}  # the first lines of a chart are drawn thick
    environment.globals.update(static=static, cells=cells)
    environment.filters.update(duration=cells.duration, figure=lambda v: "" if v is None else number(v))
    return environment
