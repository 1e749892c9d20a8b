"""The field in which a dataset was made, and the z at which its tracks begin."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from app.core.errors import Problem, UserError
from app.core.files import expand
from app.physics.arrays import Array
from app.physics.lorentz import State
from app.physics.magnetic_field import FIELDS, Field

Columns = Mapping[str, Array]
"""Input columns of track states by name: x, y [mm], tx, ty, qop [1/GeV], dz [mm] and, when it varies, z_start [mm]."""


@dataclass(frozen=True)
class Magnet:
    """A field and the start plane of the tracks.

    Attributes:
        field_json: the JSON of the field.
        z_start: z of the start states [mm]; None when it is a column of the data.
        sha256: hash of the file of the field that the data were made with, where it has one.
    """

    field_json: Mapping[str, Any]
    z_start: float | None
    sha256: str | None = None

    @cached_property
    def field(self) -> Field:
        """B(x, y, z) [T], built when it is first needed; equal fields of a process are built once.

        Raises:
            UserError: the file of the field cannot be read, or is not the one that the data were made with.
        """
        try:
            field = _built(json.dumps(dict(self.field_json), sort_keys=True), _age(self.field_json))
        except UserError as error:
            raise error.under("dataset", "field") from None
        sha256 = getattr(field, "sha256", None)
        if self.sha256 and sha256 != self.sha256:
            what = "the file of the field has changed since the data were generated"
            raise UserError(
                Problem(what, ("dataset", "field"), expected=f"sha256 {self.sha256[:16]}", received=str(sha256)[:16])
            )
        return field

    def start(self, columns: Columns) -> Array:
        """Return z of the start states [mm]: a number, or the column (N,)."""
        return columns["z_start"] if self.z_start is None else self.z_start

    def config(self) -> dict[str, Any]:
        """Return the JSON that gives this magnet again by `Magnet(**config)`."""
        return {"field_json": dict(self.field_json), "z_start": self.z_start, "sha256": self.sha256}


@lru_cache(maxsize=8)
def _built(text: str, age: int) -> Field:
    """Return the field of a JSON text, kept because a map takes some 300 MB and each layer has a magnet of its own."""
    return FIELDS.parse(json.loads(text)).build()


def _age(field_json: Mapping[str, Any]) -> int:
    """Return the modification time of the field's file [ns], so that a changed map is read again; 0 for a formula."""
    try:
        return expand(field_json["file"]).stat().st_mtime_ns if "file" in field_json else 0
    except (OSError, UserError):
        return 0  # reading the map raises the error


def start_state(columns: Columns) -> State:
    """Return x, y [mm], tx, ty of the start states."""
    return columns["x"], columns["y"], columns["tx"], columns["ty"]
