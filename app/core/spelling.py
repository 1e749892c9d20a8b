"""What a name may be made of, so that it is valid wherever the program puts it: files, layers, columns, nodes."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema

from app.core.errors import Problem, UserError
from app.core.passwords import hide_passwords

OF_A_RUN = "the job of a run"
"""The context of pydantic in which names stay as they are: version 0.1 accepted more of them."""


@dataclass(frozen=True)
class Spelling:
    """The characters of a name; pydantic checks them, and the JSON Schema has them as a pattern.

    Attributes:
        first: the characters that it may begin with, as in a regular expression.
        more: those that may follow in addition.
        most: how many there may be.
        words: the same for a reader.
    """

    first: str
    more: str
    most: int
    words: str

    @property
    def pattern(self) -> str:
        """The regular expression."""
        return f"^[{self.first}][{self.first}{self.more}]*$"

    def check(self, name: str) -> str:
        """Return the name; raises UserError with the nearest one that is allowed."""
        if re.fullmatch(self.pattern[1:-1], name) and len(name) <= self.most:
            return name
        expected = f"1 to {self.most} {self.words}"
        raise UserError(
            Problem("not a name", nearest=self.nearest(hide_passwords(name)), expected=expected, received=name)
        )

    def nearest(self, name: str) -> str | None:
        """Return an allowed name that looks like this one, None where nothing of it is left.

        >>> Spelling("A-Za-z", "0-9_", 60, "").nearest("1. Spur: Größe/cm")
        'Spur_Gro_e_cm'
        """
        plain = re.sub("[\\u0300-\\u036f]", "", unicodedata.normalize("NFKD", name))
        known = re.sub(f"[^{self.first}{self.more}]+", "_", plain)
        return re.sub(f"^[^{self.first}]+", "", known).strip("_")[: self.most] or None

    def _check_new(self, name: str, info: ValidationInfo) -> str:
        return name if info.context == OF_A_RUN else self.check(name)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_after_validator_function(self._check_new, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), "pattern": self.pattern, "maxLength": self.most}
