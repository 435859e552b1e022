"""The parameters of one API request: texts, and the one place where they become numbers.

Unknown parameters are ignored, as clients expect. Each reader raises a MexError that names the parameter.
"""

from collections.abc import Mapping

import msgspec

from mex import money
from mex.errors import ParameterIllegal, ParameterInvalid, ParameterMissing, PrecisionExceeded

_lists = msgspec.json.Decoder(list[str])


class Params:
    """Named texts of a request, from a query, a body or a JSON frame."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = texts

    def has(self, name: str) -> bool:
        """Return whether a parameter was sent and is not empty."""
        return self.texts.get(name, "") != ""

    def text(self, name: str, default: str | None = None) -> str:
        """Return a parameter; without a default it is mandatory."""
        value = self.texts.get(name, "")
        if value == "":
            if default is None:
                raise ParameterMissing(name)
            return default
        if "\0" in value:
            # PostgreSQL can neither hold nor compare such a text, and would break on it.
            raise ParameterIllegal(name, r"^[^\x00]+$")
        return value

    def integer(self, name: str, default: int | None = None, *, low: int = 0, high: int = 2**63 - 1) -> int:
        """Return a whole number between low and high."""
        value = self.texts.get(name, "")
        if value == "" and default is not None:
            return default
        if not (value.isascii() and value.isdigit() and len(value) <= 19):
            raise ParameterMissing(name) if value == "" else ParameterIllegal(name, "^[0-9]{1,19}$")
        number = int(value)
        if not low <= number <= high:
            raise ParameterInvalid(name)
        return number

    def units(self, name: str) -> int:
        """Return a decimal as units of 10^-8; it may be zero, never negative."""
        value = self.text(name)
        try:
            return money.parse_units(value)
        except money.TooPrecise:
            raise PrecisionExceeded(name) from None
        except money.TooLarge:
            raise ParameterInvalid(name) from None
        except money.NotANumber:
            raise ParameterIllegal(name, r"^([0-9]{1,20})(\.[0-9]{1,20})?$") from None

    def flag(self, name: str, default: bool) -> bool:
        """Return a parameter that is "true" or "false"."""
        value = self.text(name, "true" if default else "false").lower()
        if value not in ("true", "false"):
            raise ParameterInvalid(name)
        return value == "true"

    def json_list(self, name: str) -> list[str]:
        """Return a JSON array of texts sent as one parameter."""
        try:
            return _lists.decode(self.text(name))
        except msgspec.MsgspecError:
            raise ParameterInvalid(name) from None
