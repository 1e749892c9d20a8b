"""Which magnet a set of track states went through: what the files say, what the job says, and whether they agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.core.catalog import Spec
from app.core.errors import Problem, UserError
from app.physics.magnet import Magnet
from app.physics.magnetic_field import FIELDS, Field

WHERE = ("dataset", "field")


def magnet_of(facts: Mapping[str, Any], given: Spec[Field] | None, z_start: float | None) -> Magnet | None:
    """Return the magnet of the data, or None when nobody says which it is.

    Args:
        facts: metadata of the files.
        given: the field that the job states, for files that do not.
        z_start: where the tracks begin [mm]; None when that is a column of the data.

    Raises:
        UserError: the job states another field than the one that the data were generated with.
    """
    known = _stated(facts)
    if known is None and given is None:
        return None
    if known is not None and given is not None:
        _check_same(known, given.dump(), facts)
    content = given.dump() if given is not None else known
    magnet = Magnet(content or {}, z_start, facts.get("field_sha256") if known is not None else None)
    if known is not None and content != known:  # a map that lies elsewhere: is it the same one?
        _ = magnet.field
    return magnet


def _stated(facts: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the field in the metadata of our own files; what others write there has another meaning."""
    if facts.get("dataset") != "track_states" or facts.get("field") is None:
        return None
    try:
        return FIELDS.parse(facts["field"]).dump()
    except UserError as error:
        raise error.under("metadata", "field") from None


def _check_same(known: Mapping[str, Any], given: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    """A field map is known by its content, wherever the file lies; everything else must be equal."""
    different = [n for n in sorted(known.keys() | given.keys()) if known.get(n) != given.get(n)]
    if "name" not in different and facts.get("field_sha256"):
        different = [name for name in different if name != "file"]
    if not different:
        return
    name = "name" if "name" in different else different[0]
    what = f"another field than the data were generated with ({name}: {given.get(name)!r})"
    expected = f"{name}: {known.get(name)!r}, or no 'field': the files say it themselves"
    raise UserError(Problem(what, WHERE, expected=expected, received=dict(given)))
