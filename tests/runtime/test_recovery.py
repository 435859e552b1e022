"""What the engine holds in memory is what the next one makes of the database."""

import random

import pytest

from accounts.models import User
from launcher.services import Process
from trading.engine.commands import CancelOrder, Command, HoldFunds, Parcel, PlaceOrder, ReleaseHold, Request, Transfer
from trading.engine.enums import OrderType, Reason, Side, TimeInForce
from trading.engine.snapshot import state_hash
from trading.gateway import pipes
from trading.models import Market
from trading.runtime import recovery
from trading.runtime.inbox import Intake
from trading.runtime.loop import Engine


@pytest.mark.django_db(transaction=True)
def test_the_state_after_each_batch_is_the_state_after_recovery(valkey: Process) -> None:
    users = [User.objects.create(email=f"r{n}@runtime.test").pk for n in range(3)]
    market = Market.objects.get(symbol="ETHBTC")
    chance = random.Random(9)
    engine = Engine(0, pipes.connection())
    engine.start()
    assets = (market.base_id, market.quote_id)
    commands: list[Command] = [
        Transfer(f"r:{user}:{asset}", -5, user, asset, 10**11, Reason.ADJUSTMENT) for user in users for asset in assets
    ]
    for number in range(300):
        commands.append(_next(chance, number, users, market))

    position = 0
    while commands:
        size = chance.randint(1, 25)
        batch, commands = commands[:size], commands[size:]
        position += 1
        parcel = Parcel("", [Request(0, command) for command in batch])
        engine.process(Intake(f"1-{position}", [parcel]))

        assert state_hash(engine.core) == state_hash(recovery.load(0)[0])

    assert engine.core.open_orders()
    assert engine.core.open_holds()
    assert engine.core.book(market.pk).last_trade > 20
    engine.close()


def _next(chance: random.Random, number: int, users: list[int], market: Market) -> Command:
    user = chance.choice(users)
    kind = chance.random()
    if kind < 0.2:
        return CancelOrder(user, market.pk, chance.randint(1, number + 1), "", f"c{number}")
    if kind < 0.25:
        return HoldFunds(f"h{number}", user, market.base_id, 1_000_000)
    if kind < 0.28:
        return ReleaseHold(f"h{chance.randint(0, number)}")
    side = chance.choice(list(Side))
    quantity = chance.randint(1, 50) * market.lot
    if kind < 0.35:
        return PlaceOrder(user, market.pk, f"o{number}", side, OrderType.MARKET, TimeInForce.GTC, quantity, 0)
    price = chance.randint(4980, 5020) * market.tick
    force = chance.choice(list(TimeInForce))
    return PlaceOrder(user, market.pk, f"o{number}", side, OrderType.LIMIT, force, quantity, price)
