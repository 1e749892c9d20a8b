"""A picture of a fitted field: |B| and its uncertainty in the planes y = 0 and x = 0."""

from pathlib import Path

import numpy as np

from app.core.files import write_file
from app.physics.harmonic_file import HarmonicFile
from app.plots.drawing.style import new_figure, styled


@styled
def draw_field(content: HarmonicFile, path: Path) -> None:
    """Draw |B| and the length of its standard deviations where tracks passed."""
    x, y, z = content.region.centers
    size = [np.linalg.norm(content.extra[name], axis=-1) for name in ("map_B", "map_sigma")]
    figure = new_figure(13.0, 9.0)
    rows = zip(size, ("|B| [T]", "sigma [T]"), ("viridis", "magma"), strict=True)
    for row, (values, name, colours) in enumerate(rows):
        for column, (across, title) in enumerate(((x, "x [mm], y = 0"), (y, "y [mm], x = 0"))):
            middle = int(np.abs(y if column == 0 else x).argmin())
            axes = figure.add_subplot(2, 2, 2 * row + column + 1)
            plane = values[:, middle] if column == 0 else values[middle]
            image = axes.pcolormesh(z, across, plane, shading="nearest", cmap=colours, vmin=0.0, rasterized=True)
            axes.set_xlabel("z [mm]")
            axes.set_ylabel(title)
            figure.colorbar(image, ax=axes, label=name)
    write_file(path, lambda target: figure.savefig(target), path.suffix)
