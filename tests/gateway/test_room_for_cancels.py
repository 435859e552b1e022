"""A connection with too many requests waiting can still cancel."""

import pytest

from mex.errors import EngineBusy
from mex.limits import IN_FLIGHT_PER_CONNECTION_MAX
from trading.consumers import OrderConsumer


def test_cancels_have_as_much_room_again() -> None:
    consumer = OrderConsumer()
    consumer._in_flight = 0
    for _ in range(IN_FLIGHT_PER_CONNECTION_MAX):
        consumer._count_in(is_urgent=False)

    with pytest.raises(EngineBusy) as refused:
        consumer._count_in(is_urgent=False)
    for _ in range(IN_FLIGHT_PER_CONNECTION_MAX):
        consumer._count_in(is_urgent=True)
    with pytest.raises(EngineBusy):
        consumer._count_in(is_urgent=True)

    assert (refused.value.code, refused.value.status) == (-1008, 503)
    assert consumer._in_flight == 2 * IN_FLIGHT_PER_CONNECTION_MAX
