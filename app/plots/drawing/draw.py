"""Drawing a run's plots into a folder."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from app.core.catalog import Spec
from app.core.errors import UserError, WirechamberError, unknown
from app.core.interruption import check
from app.plots import PLOTS
from app.plots.drawing.filled_bins import SmallSampleError
from app.plots.drawing.inputs import PlotInputs
from app.plots.drawing.save import save_figure

log = logging.getLogger(__name__)
Format = Literal["png", "pdf"]


def draw(
    inputs: PlotInputs,
    folder: Path,
    names: Sequence[Any] | None = None,
    formats: Sequence[Format] | None = None,
    tasks: Sequence[str] | None = None,
) -> list[Path]:
    """Write the plots that apply to `inputs` into `folder` and return the files, each written atomically.

    Args:
        inputs: the run.
        folder: made when it does not exist; `<folder>/<plot>.<format>`, or `<plot>_<task>.<format>` of a plot that is
            drawn for each task.
        names: catalog names or `{"name": ..., options}`; None means every plot, or with `tasks` those drawn for each.
        formats: "png", "pdf" or both; None means what suits the plot.
        tasks: only these.

    A plot that fails is left out with a warning: the others, and the run that it belongs to, are worth keeping.

    Raises:
        UserError: a name or a task is unknown or an option is wrong; nothing is written then.
        NotWritten: the folder cannot be written.
    """
    for task in tasks or ():
        if task not in inputs.tasks:
            raise UserError(unknown("task of this run", task, list(inputs.tasks), ("tasks",)))
    inputs = inputs if tasks is None else inputs.of(tasks)
    every = [plot.name for plot in PLOTS if plot.facts.per_task or tasks is None]
    specs = [PLOTS.parse(name) for name in (every if names is None else names)]
    folder.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    for spec in specs:
        needs = spec.component.facts.needs
        written = formats or spec.component.facts.formats
        for stem, seen in _drawn(spec, inputs):
            missing = needs.missing(seen)
            level = logging.DEBUG if names is None else logging.INFO  # nobody has asked for it
            if missing:
                log.log(level, "plot %s left out: it needs %s", stem, ", ".join(missing))
            else:
                check()
                paths = [folder / f"{stem}.{form}" for form in written]
                try:
                    save_figure(spec.build(seen), *paths)
                except WirechamberError:
                    raise
                except SmallSampleError as reason:
                    log.log(level, "plot %s left out: %s", stem, reason)
                except Exception as error:
                    log.warning("plot %s failed and is left out: %s: %s", stem, type(error).__name__, error)
                    log.debug("plot %s", stem, exc_info=True)
                else:
                    files += paths
    return files


def _drawn(spec: Spec[Any], inputs: PlotInputs) -> Iterator[tuple[str, PlotInputs]]:
    """Yield the name of each file and what it is made from."""
    if not spec.component.facts.per_task:
        yield spec.name, inputs
        return
    for task in inputs.tasks:
        title = f"{inputs.title}: {task}" if inputs.title else task
        yield f"{spec.name}_{task}", replace(inputs.of([task]), title=title)
