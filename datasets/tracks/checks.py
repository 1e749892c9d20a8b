"""Checks on track states as they are read, and on the magnet that they went through."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from app.core.catalog import Spec
from app.core.errors import Place, Problem, UserError
from app.physics.magnet import Magnet
from app.physics.magnetic_field import FIELDS, Field
from datasets.files.shards import identity_of

SMALLEST_MOMENTUM, LARGEST_MOMENTUM = 1e-2, 1e3
LARGEST_POSITION, LARGEST_SLOPE = 1e5, 10.0
Columns = Mapping[str, Any]


def check_finite(columns: Columns, place: Place) -> None:
    """Refuse NaN and infinity."""
    for name, values in columns.items():
        bad = np.flatnonzero(~np.isfinite(values)) if values.dtype.kind == "f" else np.empty(0, np.intp)
        if len(bad):
            what = f"{len(bad)} of {len(values)} rows of {name!r} are not finite, the first at row {bad[0]}"
            raise UserError(Problem(what, place, expected="finite values, or 'on_invalid': 'drop' in the dataset"))


def check_charged(columns: Columns, place: Place) -> None:
    """Refuse q/p = 0: a neutral track does not bend, and its kick per q/p has no meaning."""
    bad = np.flatnonzero(columns["qop"] == 0)
    if len(bad):
        raise UserError(
            Problem(f"{len(bad)} rows have q/p = 0, the first at row {bad[0]}", place, expected="charged tracks")
        )


def check_qop_unit(columns: Columns, place: Place) -> None:
    """Require |q/p| p = 1 with p in GeV; without a momentum column, 1/|q/p| must be a realistic momentum."""
    with np.errstate(over="ignore"):
        inverse = 1.0 / np.abs(np.asarray(columns["qop"], np.float64))
        ratio = np.median(columns["p"] / inverse) if "p" in columns else None
    if ratio is not None and abs(ratio - 1.0) > 1e-3:
        what = f"|q/p| p = {ratio:.6g} in the median, so {explain_ratio(ratio)}"
        raise UserError(Problem(what, (*place, "qop"), expected="|q/p| p = 1"))
    typical = float(np.median(inverse))
    if not SMALLEST_MOMENTUM < typical < LARGEST_MOMENTUM:
        what = f"1/|q/p| is {typical:.4g} GeV in the median; is q/p in 1/MeV? Then say 'qop_unit': '1/MeV'"
        expected = f"momenta from {SMALLEST_MOMENTUM} to {LARGEST_MOMENTUM} GeV"
        raise UserError(Problem(what, (*place, "qop"), expected=expected))


def explain_ratio(ratio: float) -> str:
    """Return what a median |q/p| p other than 1 most likely means."""
    for value, unit in ((1e-3, "1/MeV"), (0.299792458, "c/GeV")):
        if abs(ratio / value - 1.0) < 1e-2:
            return f"q/p is not in 1/GeV; 'qop_unit': '{unit}' in the dataset may be right"
    if abs(ratio / 1e3 - 1.0) < 1e-2:
        return "q/p is not in 1/GeV or the momentum column is in MeV"
    return "q/p is not in 1/GeV; another 'qop_unit' in the dataset may be right"


def check_ranges(columns: Columns, place: Place) -> None:
    """Require positions below 100 m and slopes below 10: anything else is another unit or another column."""
    limits = dict.fromkeys(("x", "y", "true_x", "true_y", "dz", "z_start"), (LARGEST_POSITION, "mm"))
    limits |= dict.fromkeys(("tx", "ty", "true_tx", "true_ty"), (LARGEST_SLOPE, ""))
    for name, (limit, unit) in limits.items():
        largest = float(np.max(np.abs(columns[name]), initial=0.0)) if name in columns else 0.0
        if largest > limit:
            expected = f"|{name}| below {limit:g} {unit}".rstrip()
            raise UserError(Problem("value out of range", (*place, name), expected=expected, received=largest))


def check_planes(columns: Columns, z: tuple[float, float], place: Place) -> None:
    """Refuse planes given in the dataset that contradict those in the file."""
    for name, value in (("z_start", z[0]), ("dz", z[1] - z[0])):
        stored = columns.get(name, np.empty(0))
        other = stored[np.abs(stored - value) > 1e-3 + 1e-6 * abs(value)]
        if len(other):
            what = f"the file stores another {name} than 'z' in the dataset says"
            raise UserError(Problem(what, place, expected=f"{name} = {value:g} mm", received=float(other[0])))


def check_one_origin(facts: Sequence[Mapping[str, Any]], files: Sequence[object]) -> None:
    """Refuse files that say that they were made differently: no network learns two magnets together."""
    stated = [(path, metadata) for path, metadata in zip(files, facts, strict=True) if metadata]
    for path, metadata in stated[1:]:
        first, known = stated[0]
        for name in ("dataset", "units", "field"):
            one, other = identity_of(known, name), identity_of(metadata, name)
            if one != other:
                what = f"{name!r} in the metadata differs from that of {first}"
                raise UserError(Problem(what, (str(path),), expected=repr(one), received=other))


def check_well_posed(starts: set[float], place: Place) -> None:
    """Require one z_start for all tracks unless it is an input: else equal inputs have different ends."""
    if len(starts) > 1:
        span = f"from {min(starts):g} to {max(starts):g} mm"
        what = f"z_start varies {span} but is no input, so equal inputs have unequal ends"
        raise UserError(Problem(what, place, expected="one z_start for all tracks, or 'z_start': true in the dataset"))


WHERE = ("dataset", "field")


def magnet_of(facts: Mapping[str, Any], given: Spec[Field] | None, z_start: float | None) -> Magnet | None:
    """Return the magnet of the data, or None when neither the files nor the job say which it is.

    Args:
        facts: metadata of the files.
        given: the field that the job states, for files that do not.
        z_start: where the tracks begin [mm]; None when that is a column of the data.

    Raises:
        UserError: the job states another field than the one that the data were generated with.
    """
    known = None
    if facts.get("dataset") == "track_states" and facts.get("field") is not None:  # else it has another meaning
        try:
            known = FIELDS.parse(facts["field"]).dump()
        except UserError as error:
            raise error.under("metadata", "field") from None
    if known is None and given is None:
        return None
    if known is not None and given is not None:
        check_same_field(known, given.dump(), facts)
    content = given.dump() if given is not None else known
    magnet = Magnet(content or {}, z_start, facts.get("field_sha256") if known is not None else None)
    if known is not None and content != known:  # a map that lies elsewhere: is it the same one?
        _ = magnet.field
    return magnet


def check_same_field(known: Mapping[str, Any], given: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    """Refuse another field than that of the data; a field map is identified by its content, wherever the file is."""
    different = [n for n in sorted(known.keys() | given.keys()) if known.get(n) != given.get(n)]
    if "name" not in different and facts.get("field_sha256"):
        different = [name for name in different if name != "file"]
    if not different:
        return
    name = "name" if "name" in different else different[0]
    what = f"another field than the data were generated with ({name}: {given.get(name)!r})"
    expected = f"{name}: {known.get(name)!r}, or no 'field': the files state it themselves"
    raise UserError(Problem(what, WHERE, expected=expected, received=dict(given)))
