"""How targets and their units are written on an axis."""

from __future__ import annotations

import math
from dataclasses import dataclass

SYMBOLS = {
    "x": "$x$", "y": "$y$", "z": "$z$", "u": "$u$", "v": "$v$", "w": "$w$",
    "tx": "$t_x$", "ty": "$t_y$", "qop": "$q/p$", "p": "$p$", "pt": r"$p_\mathrm{T}$",
    "q_over_pt": r"$q/p_\mathrm{T}$", "positive": r"$q > 0$",
    "eta": r"$\eta$", "phi": r"$\varphi$", "theta": r"$\theta$", "energy": "$E$", "charge": "$q$", "time": "$t$",
    "direction_x": "$d_x$", "direction_y": "$d_y$", "direction_z": "$d_z$", "n_gamma": r"$n_\gamma$",
}  # fmt: skip
LADDERS: dict[str, tuple[tuple[float, str], ...]] = {
    "mm": ((1e-3, "m"), (1.0, "mm"), (1e3, "µm")),
    "cm": ((1e-2, "m"), (1.0, "cm"), (1e1, "mm"), (1e4, "µm")),
    "GeV": ((1e-3, "TeV"), (1.0, "GeV"), (1e3, "MeV"), (1e6, "keV")),
    "MeV": ((1e-3, "GeV"), (1.0, "MeV"), (1e3, "keV")),
    "rad": ((1.0, "rad"), (1e3, "mrad"), (1e6, "µrad")),
    "deg": ((1.0, "°"),),
    "%": ((1.0, "%"),),
    "ns": ((1e-3, "µs"), (1.0, "ns"), (1e3, "ps")),
    "s": ((1.0, "s"), (1e3, "ms"), (1e6, "µs"), (1e9, "ns"), (1e12, "ps")),
}


def symbol(target: str) -> str:
    """Return the symbol of a target, or its name."""
    return SYMBOLS.get(target, target)


@dataclass(frozen=True)
class Scale:
    """Multiply by `factor` to get numbers in `unit`, which is readable; e.g. 0.012 mm is 12 µm."""

    factor: float
    unit: str

    def axis(self, quantity: str) -> str:
        """Return an axis label with the unit in brackets."""
        return f"{quantity} [{self.unit}]" if self.unit else quantity

    def text(self, value: float) -> str:
        """Return a number with its unit."""
        times = "\N{MULTIPLICATION SIGN} " if self.unit.startswith("$") else ""
        return f"{number(value * self.factor)} {times}{self.unit}".rstrip()

    def digits(self, value: float, size: float) -> str:
        """Return a number with the decimals that give `size` three digits: a bias far below the width reads 0.00."""
        size = abs(size * self.factor)
        decimals = max(0, 2 - math.floor(math.log10(size))) if math.isfinite(size) and size > 0 else 2
        return _minus(f"{round(value * self.factor, decimals) + 0.0:.{decimals}f}")


def scale_for(unit: str, size: float) -> Scale:
    """Return the scale in which values of about `size` (in `unit`) lie between about 1 and 1000, when there is one."""
    if not (math.isfinite(size) and size > 0):
        return Scale(1.0, unit)
    if unit in ("", "1"):
        power = 3 * math.floor(math.log10(size / 0.95) / 3)
        return Scale(1.0, "") if 0.01 <= size < 1e4 else Scale(10.0**-power, rf"$\mathrm{{10^{{{power}}}}}$")
    steps = LADDERS.get(unit, ((1.0, unit),))
    return Scale(*min(steps, key=lambda step: abs(math.log10(size * step[0] / 30))))


def number(value: float) -> str:
    """Return three significant digits, with a true minus sign and an exponent only where nothing else is readable."""
    if value == 0 or not math.isfinite(value):
        text = f"{value:g}"
    elif 1e-3 <= abs(value) < 1e4:
        text = f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"
    else:
        text = f"{value:.1e}"
    return _minus(text)


def _minus(text: str) -> str:
    return text.replace("-", "\N{MINUS SIGN}")
