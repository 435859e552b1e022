"""A number that is missing in a market stream is noticed, in each stream by itself."""

import pytest

from loadtest.subscribers import Data, Message, Sequence, Subscribers


def depth(first: int, last: int) -> Data:
    return Data(e="depthUpdate", E=1, U=first, u=last)


def trade(number: int) -> Data:
    return Data(e="trade", E=1, t=number)


@pytest.mark.parametrize(
    ("events", "gaps"),
    [
        ([depth(5, 9), depth(10, 10), depth(11, 30)], 0),
        ([depth(5, 9), depth(11, 12), depth(13, 13)], 1),
        ([depth(5, 9), depth(9, 12)], 1),
        ([trade(3), trade(4), trade(5)], 0),
        ([trade(3), trade(5), trade(6)], 1),
        ([trade(3), trade(3)], 1),
    ],
)
def test_numbers_follow_each_other(events: list[Data], gaps: int) -> None:
    sequence = Sequence()

    assert sum(sequence.is_gap("s", event) for event in events) == gaps


def test_streams_and_connections_are_counted_by_themselves() -> None:
    readers = Subscribers("http://127.0.0.1:1", ["ETHBTC"])
    first, second = Sequence(), Sequence()

    for sequence, stream, event in (
        (first, "ethbtc@trade", trade(3)),
        (first, "btcusdt@trade", trade(9)),
        (second, "ethbtc@trade", trade(7)),
        (first, "ethbtc@trade", trade(4)),
        (second, "ethbtc@trade", trade(9)),
    ):
        readers.note(sequence, Message(stream, event))
    readers.note(first, Message())

    assert (readers.frames, readers.gaps) == (5, 1)
