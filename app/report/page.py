"""The page: the content of the registry and of the runs, filled into the template."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import registry
from app.core.errors import Problem, UserError, unknown
from app.plots.drawing.thumbnails import embed_pictures
from app.report.leaderboard import Leaderboard, make_leaderboards
from app.report.news import find_news
from app.report.now import look
from app.report.section import read_section
from registry import cells
from registry.record import number
from registry.store import Contents

HERE = Path(__file__).parent
MOST_NEWS = 30


@dataclass(frozen=True)
class Page:
    """What a page shows.

    Attributes:
        root: the registry's folder.
        runs: the folder of the runs.
        application: only this one.
        pictured: so many runs of each application, the best, have their plots in the page: of 200 they are 50 MB.
        since: what happened from this moment on is new; the same in words.
        remedies: what to do about held runs, by their name.
        served: whether it is kept open by a server, which tells it what is going on.
    """

    root: Path
    runs: Path
    application: str | None = None
    pictured: int = 200
    since: tuple[str, str] = ("", "")
    remedies: Mapping[str, str] = field(default_factory=dict)
    served: bool = False

    def render(self) -> str:
        """Return the HTML of the whole page.

        Raises:
            UserError: the registry holds no run, or none of the application; a served page waits for one.
        """
        contents = self._contents()
        sections = {r.run: read_section(r, self.runs, contents.remarks.get(r.run, "")) for r in contents.records}
        boards = [with_pictures(board, self.pictured) for board in make_leaderboards(contents, sections)]
        news = find_news(boards, self.since[0])
        values = {
            "boards": boards,
            "news": news[:MOST_NEWS],
            "more_news": len(news) - MOST_NEWS,
            "since": self.since[1],
            "now": look(contents, self.runs, self.remedies),
            "damaged": contents.damaged,
            "made": registry.now(),
            "pictured": self.pictured,
            "served": self.served,
        }
        return str(_environment().get_template("report.html").render(**values))

    def render_now(self) -> str:
        """Return the HTML of what is going on alone."""
        now = look(self._contents(), self.runs, self.remedies)
        return str(_environment().get_template("now.html").render(now=now))

    def _contents(self) -> Contents:
        contents = registry.read_all(self.root)
        contents.warn(self.root)
        applications = sorted({record.application for record in contents.records})
        if not applications and not self.served:
            raise UserError(Problem("no run to report", (str(self.root),), expected="a registry with one run or more"))
        if self.application is not None and self.application not in applications and not self.served:
            raise UserError(unknown("application", self.application, applications, ("--application",)))
        own = tuple(r for r in contents.records if self.application in (None, r.application))
        return replace(contents, records=own)


def with_pictures(board: Leaderboard, count: int) -> Leaderboard:
    """Return the leaderboard with the plots of `count` runs: the best on each data set, then the second best, ..."""
    ranked = [(rank, s) for group in board.groups for rank, s in enumerate(group.sections) if s.plots]
    best = [section for _, section in sorted(ranked, key=lambda pair: pair[0])][:count]
    addresses = embed_pictures(path for section in best for path in section.plots)
    pictures = {
        section.record.run: {p.stem.replace("_", " "): addresses[p] for p in section.plots if p in addresses}
        for section in best
    }
    groups = [
        replace(group, sections=[replace(s, pictures=pictures.get(s.record.run, {})) for s in group.sections])
        for group in board.groups
    ]
    return replace(board, groups=groups)


def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup, escape

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
    environment.filters.update(
        duration=cells.duration,
        figure=lambda v: "" if v is None else number(v),
        # a long name goes on in the next line after one of its parts, and never inside of a word
        parts=lambda text: Markup(str(escape(text)).replace("_", "_<wbr>").replace("-", "-<wbr>")),
    )
    return environment
