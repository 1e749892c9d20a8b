"""Distribution of prediction - truth, one panel for each target."""

from app.core.types import Bins
from app.plots import PLOTS, Needs
from app.plots.drawing.inputs import PlotInputs
from app.plots.drawing.residuals import differences, residual_histogram
from app.plots.drawing.style import Figure, grid, label, styled, symbol


@PLOTS("residuals", needs=Needs(numbers=True))
@styled
def residuals(inputs: PlotInputs, *, bins: Bins = 80) -> Figure:
    """Histograms of prediction - truth with bias, 68 % half width and RMS.

    The range is five half widths of the model to either side of its median; what lies outside is counted in the legend
    and enters the numbers. A baseline of quite another width is named with its half width and not drawn. The residual
    of an azimuth phi in degrees or rad is wrapped.

    Args:
        inputs: the run; needs predictions.
        bins: number of bins.

    Returns:
        One panel for each target that is not a class.
    """
    targets = inputs.numbers
    figure, panels = grid(len(targets))
    for axes, target in zip(panels, targets, strict=True):
        unit, quantity = inputs.units.get(target, ""), f"{symbol(target)} prediction $-$ truth"
        residual_histogram(axes, differences(inputs, target), unit, quantity, bins)
    label(inputs, panels)
    return figure
