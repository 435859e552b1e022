"""The budgets as the API tells them."""

from collections.abc import Mapping

from django.conf import settings

Row = dict[str, object]


def rate_limits() -> list[Row]:
    """Return the limits of exchangeInfo."""
    return [
        _row("REQUEST_WEIGHT", "MINUTE", 1, settings.WEIGHT_PER_MINUTE),
        _row("ORDERS", "SECOND", 10, settings.ORDERS_PER_10S),
        _row("ORDERS", "DAY", 1, settings.ORDERS_PER_DAY),
    ]


def used(weight: int, orders: Mapping[str, str] | None = None) -> list[Row]:
    """Return the limits with what is used of them, as each websocket answer carries them."""
    rows = [_row("REQUEST_WEIGHT", "MINUTE", 1, settings.WEIGHT_PER_MINUTE) | {"count": weight}]
    if orders:
        rows.append(
            _row("ORDERS", "SECOND", 10, settings.ORDERS_PER_10S) | {"count": int(orders["X-MBX-ORDER-COUNT-10S"])}
        )
        rows.append(_row("ORDERS", "DAY", 1, settings.ORDERS_PER_DAY) | {"count": int(orders["X-MBX-ORDER-COUNT-1D"])})
    return rows


def _row(kind: str, interval: str, count: int, limit: int) -> Row:
    return {"rateLimitType": kind, "interval": interval, "intervalNum": count, "limit": limit}
