"""The page: what the registry and the runs say, filled into the template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import registry
from app.core.errors import Problem, UserError, unknown
from app.plots.drawing.thumbnails import embed_pictures
from app.report.leaderboard import Leaderboard, leaderboards
from app.report.section import Section, section_of
from registry import cells
from registry.record import number
from registry.store import Contents

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
    chosen = _chosen(contents, root, application)
    sections = {r.run: section_of(r, runs, contents.remarks.get(r.run, "")) for r in chosen.records}
    boards = [_with_pictures(board, pictured) for board in leaderboards(chosen, sections)]
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    facts = {"boards": boards, "damaged": contents.damaged, "made": made, "pictured": pictured}
    return str(_environment().get_template("report.html").render(**facts))


def _chosen(contents: Contents, root: Path, application: str | None) -> Contents:
    known = sorted({record.application for record in contents.records})
    if not known:
        raise UserError(Problem("no run to report", (str(root),), expected="a registry with one run or more"))
    if application is not None and application not in known:
        raise UserError(unknown("application", application, known, ("--application",)))
    records = tuple(r for r in contents.records if application in (None, r.application))
    return replace(contents, records=records)


def _with_pictures(board: Leaderboard, pictured: int) -> Leaderboard:
    best = [one for one in _best_of_each(board.groups) if one.plots][:pictured]
    made = embed_pictures(path for one in best for path in one.plots)
    names = {one.record.run for one in best}
    groups = [
        (data, [_pictures(one, made) if one.record.run in names else one for one in g]) for data, g in board.groups
    ]
    return replace(board, groups=groups)


def _best_of_each(groups: Sequence[tuple[str, Sequence[Section]]]) -> list[Section]:
    """Return the best of every data set first, then the second best, and so on."""
    ranked = [(rank, one) for _, group in groups for rank, one in enumerate(group)]
    return [one for _, one in sorted(ranked, key=lambda pair: pair[0])]


def _pictures(one: Section, made: dict[Path, str]) -> Section:
    return replace(one, pictures={path.stem.replace("_", " "): made[path] for path in one.plots if path in made})


def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    static = {path.name: Markup(path.read_text(encoding="utf-8")) for path in (HERE / "static").iterdir()}
    made.policies["json.dumps_kwargs"] = {"sort_keys": False}  # the first lines of a chart are drawn thick
    made.globals.update(static=static, cells=cells)
    made.filters.update(figure=_figure, duration=cells.duration)
    return made


def _figure(value: float | None) -> str:
    return "" if value is None else number(value)
