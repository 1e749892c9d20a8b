"""`wirechamber fit-field`: a magnetic field from the two ends of tracks."""

import argparse
import json
import logging
import time
from typing import Any

from app.commands._parser import add_overrides, read_path, whole_number
from app.core.errors import Problem, UserError
from app.core.files import check_file, make_folder
from app.core.paths import check_not_read
from app.runtime.console import console, table

log = logging.getLogger(__name__)
SYMMETRIES = {"none": (False, False), "x": (True, False), "y": (False, True), "xy": (True, True)}

MISSED = 5e-3
"""The share of their bend by which tracks miss on average where a fit is called bad: 0.001 to 0.002 in fields that
obey Maxwell's equations, a measured map with its cells included, 0.01 in a dipole that does not."""
LEAST_MISSED = 1e-2
"""The mean distance [mm] that is never called bad, as for straight tracks."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    text = "files of track states; or one job file: its training tracks are fitted, its validation tracks left out"
    parser.add_argument("files", nargs="+", help=text)
    parser.add_argument(
        "--out", type=read_path, required=True, metavar="FILE.npz", help="the field; a picture beside it"
    )
    parser.add_argument(
        "--modes", type=whole_number(1, 64), nargs=2, metavar=("X", "Z"), help="numbers of waves, else chosen"
    )
    text = "strength of the prior against short waves, else chosen; several are compared"
    parser.add_argument("--prior", type=_positive, nargs="+", metavar="VALUE", help=text)
    text = "let tracks count less whose residual is larger than so many medians, e.g. 3: the field may not be harmonic"
    parser.add_argument("--robust", type=_positive, default=0.0, metavar="MEDIANS", help=text)
    text = "symmetries to impose: By even in x, in y, or in both"
    parser.add_argument("--symmetry", choices=SYMMETRIES, default="none", help=text)
    parser.add_argument("--left-out", type=_share, default=0.1, metavar="SHARE", help="of the tracks, to choose by")
    parser.add_argument("--seed", type=whole_number(0), default=1, help="of the choice of tracks left out")
    add_overrides(parser)


def execute(options: argparse.Namespace) -> int:
    """Fit, choose, print what was tried and what came out, and write the field and its picture."""
    from app.field_fit.picture import draw_field
    from app.field_fit.reading import files_of, read_tracks
    from app.field_fit.result import FittedField
    from app.field_fit.selection import HEADER, MODES, PRIORS, choose_fit

    if options.out.suffix != ".npz":
        raise UserError(
            Problem("not an npz", ("--out",), expected="a name that ends with .npz", received=str(options.out))
        )
    picture = options.out.with_suffix(".png")
    check_not_read([options.out, picture], files_of(options.files, options.overrides), "--out")
    for path in (options.out, picture):
        check_file(path, "--out")
    begin = time.perf_counter()
    tracks, left_out = read_tracks(options.files, options.overrides, options.left_out, options.seed)
    console.print(f"{len(tracks):,} tracks to fit, {len(left_out):,} left out")
    shapes = [tuple(options.modes)] if options.modes else MODES
    tried = choose_fit(tracks, left_out, shapes, options.prior or PRIORS, SYMMETRIES[options.symmetry], options.robust)
    table("fits, by the mean distance of tracks left out", HEADER, [fit.row for fit in tried], numbers_from=1)
    fitted = FittedField.of(tried[0].fit, tracks, left_out)
    inside = fitted.stays_inside(left_out)
    missed = tried[0].distances[inside]
    within = f": {missed.mean():.4f} mm mean, {missed.max():.2f} mm at most" if inside.any() else ""
    console.print(f"{inside.sum()} of {len(inside)} tracks left out stay where tracks were fitted{within}")
    warn_of_misses(tried[0].mean, float(left_out.bends.mean()))
    integrals, errors = fitted.integrals()
    lines = [[f"{v:.5f}", f"{e:.5f}"] for v, e in zip(integrals, errors, strict=True)]
    named = [[f"int {name} dz", *line] for name, line in zip(("Bx", "By", "Bz"), lines, strict=True)]
    table("along x = y = 0 from plane to plane [T m]", ["", "value", "sigma"], named)
    content = fitted.file(_facts(options, tried[0], len(tracks), len(left_out)))
    make_folder(options.out.parent, "--out")
    content.write(options.out)
    draw_field(content, picture)
    console.print(f"written: {options.out}, {picture} ({time.perf_counter() - begin:.0f} s)")
    console.print(
        f"as a field: {json.dumps({'name': 'harmonic', 'file': str(options.out.absolute())}, ensure_ascii=False)}"
    )
    return 0


def warn_of_misses(mean: float, bend: float) -> None:
    """Say in one line that tracks left out miss by much [mm] of their mean bend [mm], and what the reason may be."""
    if mean > MISSED * bend + LEAST_MISSED:
        reason = (
            "the field of these tracks may not obey div B = curl B = 0 (a gaussian_dipole without 'maxwell' does not)"
        )
        found = f"tracks left out miss by {mean:.3g} mm on average, and bend by {bend:.3g} mm"
        log.warning("a bad fit: %s; %s, or tracks or modes are too few", found, reason)


def _facts(options: argparse.Namespace, best: Any, tracks: int, left_out: int) -> dict[str, Any]:
    """Return where the field comes from, and how good it was on tracks left out."""
    from app.field_fit.selection import HEADER
    from app.runtime.provenance import provenance

    asked = {"files": options.files, "set": options.overrides, "seed": options.seed, "symmetry": options.symmetry}
    asked["robust"] = options.robust
    result = dict(zip(HEADER, best.row, strict=True))
    return {**asked, "tracks": tracks, "left_out": left_out, "result": result, "provenance": provenance({})}


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a positive number, received {text!r}")
    return value


def _share(text: str) -> float:
    value = _positive(text)
    if not 0.01 <= value <= 0.5:
        raise argparse.ArgumentTypeError(f"expected a share from 0.01 to 0.5, received {text!r}")
    return value
