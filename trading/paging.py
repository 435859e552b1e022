"""Which rows of a history a request asks for. Source: docs/api.md, "Paging"."""

from mex.errors import MexError, ParameterInvalid
from mex.limits import PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX
from mex.params import Params
from trading.selectors import Range

_DAY_MS = 86_400_000


def limit_of(params: Params) -> int:
    """Return how many rows are asked for at most."""
    return min(params.integer("limit", PAGE_ROWS_DEFAULT, low=1), PAGE_ROWS_MAX)


def range_of(params: Params, *, from_name: str) -> Range:
    """Return the rows asked for, by an id, by times, or by none of them. Raises MexError."""
    start = params.integer("startTime") if params.has("startTime") else None
    end = params.integer("endTime") if params.has("endTime") else None
    if start is not None and end is not None:
        if start > end:
            raise ParameterInvalid("startTime")
        if end - start > _DAY_MS:
            raise MexError(-1127, "More than 24 hours between startTime and endTime.")
    from_id = params.integer(from_name) if params.has(from_name) else None
    return Range(limit=limit_of(params), from_id=from_id, start_ms=start, end_ms=end)
