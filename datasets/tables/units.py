"""Units of columns: energies become GeV, other units are converted where a job asks for it."""

import math

from app.core.errors import Place, Problem, UserError, unknown

UNITS: dict[str, tuple[str, float]] = {
    **{name: ("energy", size) for name, size in {"eV": 1e-9, "keV": 1e-6, "MeV": 1e-3, "GeV": 1.0, "TeV": 1e3}.items()},
    **{name: ("length", size) for name, size in {"um": 1e-3, "mm": 1.0, "cm": 10.0, "m": 1e3, "km": 1e6}.items()},
    **{name: ("time", size) for name, size in {"ps": 1e-3, "ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9}.items()},
    **{name: ("angle", size) for name, size in {"rad": 1.0, "mrad": 1e-3, "deg": math.pi / 180.0}.items()},
    **{name: ("inverse energy", size) for name, size in {"1/MeV": 1e3, "1/GeV": 1.0, "1/TeV": 1e-3}.items()},
}
"""What each unit measures, and its size in GeV, mm, ns, rad or 1/GeV."""
STANDARD = {"energy": "GeV", "inverse energy": "1/GeV"}
"""Units that the program's cuts, bins and plots take for granted."""


def conversion(unit: str, to: str | None, place: Place) -> tuple[float, str]:
    """Return what a column in `unit` is multiplied by, and its unit then: `to`, else GeV for energies.

    A unit of the user's own, as "photons", is kept as it is.

    >>> conversion("MeV", None, ()), conversion("cm", "mm", ()), conversion("cm", None, ())
    ((0.001, 'GeV'), (10.0, 'mm'), (1.0, 'cm'))

    Raises:
        UserError: `to` is another quantity, or one of the two is not known.
    """
    kind, size = UNITS.get(unit, ("", 1.0))
    to = to or STANDARD.get(kind, unit)
    if to == unit:
        return 1.0, unit
    for name in (unit, to):
        if name not in UNITS:
            raise UserError(unknown("unit", name, list(UNITS), place))
    if UNITS[to][0] != kind:
        same = ", ".join(name for name, (other, _) in UNITS.items() if other == kind)
        what = f"{unit} is a unit of {kind} and cannot be converted to {to}, one of {UNITS[to][0]}"
        raise UserError(Problem(what, place, expected=f"one of {same}", received=to))
    return float(f"{size / UNITS[to][1]:.15g}"), to
