"""Drawing a run's plots into a folder."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from app.core.files import write_bytes
from app.plots import PLOTS
from app.plots.inputs import Needs, PlotInputs
from app.plots.style import style

log = logging.getLogger(__name__)
Format = Literal["png", "pdf"]


def draw(
    inputs: PlotInputs, folder: Path, names: Sequence[Any] | None = None, formats: Sequence[Format] = ("png",)
) -> list[Path]:
    """Write the plots that apply to `inputs` into `folder` and return the files, each written atomically.

    Args:
        inputs: the run.
        folder: made when it does not exist; `<folder>/<plot>.<format>`.
        names: catalog names or `{"name": ..., options}`; None means every plot.
        formats: "png", "pdf" or both.

    Raises:
        UserError: a name is unknown or an option is wrong; nothing is written then.
    """
    specs = [PLOTS.parse(name) for name in (PLOTS.names() if names is None else names)]
    folder.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    for spec in specs:
        needs = spec.component.facts.get("needs", Needs())
        missing = needs.missing(inputs)
        if missing:
            special = needs.jacobian or needs.weighting or needs.several_tasks  # most runs have none of these
            level = logging.DEBUG if special and names is None else logging.INFO
            log.log(level, "plot %s left out: it needs %s", spec.name, ", ".join(missing))
            continue
        files += _save(spec.build(inputs), folder / spec.name, formats)
    return files


def _save(figure: Any, stem: Path, formats: Sequence[Format]) -> list[Path]:
    paths = [stem.with_name(f"{stem.name}.{form}") for form in formats]
    with style():  # fonts and resolution are looked up again when the figure is rendered
        for path, form in zip(paths, formats, strict=True):
            write_bytes(path, lambda file, form=form: figure.savefig(file, format=form))  # type: ignore[misc]
    return paths
