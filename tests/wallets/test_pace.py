from collections.abc import Sequence

import redis

from trading.engine.commands import Command, HoldFunds, SettleHold
from wallets.pace import Courier, Pacer

HOLD = HoldFunds("a", 1, 1, 5)
SETTLE = SettleHold("a", 1)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_same_thing_is_due_ever_less_often() -> None:
    clock = Clock()
    pacer = Pacer(clock)

    due = []
    for second in range(200):
        clock.now = float(second)
        if pacer.is_due("x"):
            due.append(second)

    assert due == [0, 2, 6, 14, 30, 62, 122, 182]


def test_different_commands_about_one_thing_do_not_wait_for_each_other() -> None:
    sent: list[Command] = []
    courier = Courier(sent.extend, Pacer(Clock()))

    courier.send([HOLD])
    courier.send([HOLD, SETTLE])

    assert sent == [HOLD, SETTLE]


def test_a_pipe_that_is_down_stops_nobody() -> None:
    clock = Clock()
    sent: list[Command] = []

    def send(commands: Sequence[Command]) -> None:
        if clock.now < 1:
            raise redis.ConnectionError("down")
        sent.extend(commands)

    courier = Courier(send, Pacer(clock))
    courier.send([HOLD])
    clock.now = 3
    courier.send([HOLD])

    assert sent == [HOLD]
