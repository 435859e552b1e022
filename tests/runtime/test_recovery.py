"""What the engine holds in memory is what the next one makes of the database."""

import pytest

from accounts.models import User
from launcher.services import Process
from tests.runtime.sessions import Session
from trading.engine.commands import Parcel, Request
from trading.engine.enums import OrderState, Side
from trading.engine.snapshot import state_hash
from trading.gateway import pipes
from trading.models import EngineState, Market, OrderCondition, OrderList, PreventedMatch
from trading.runtime import recovery
from trading.runtime.inbox import Intake
from trading.runtime.loop import Engine
from trading.selectors import book_levels, market_spec
from wallets.ledger.audit import check_database

SEEDS = (9, 10)
COMMANDS = 2_500


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seed", SEEDS)
def test_the_state_after_each_batch_is_the_state_after_recovery(valkey: Process, seed: int) -> None:
    """Given commands of every kind in batches of many sizes, recovery, levels and the audit agree with the engine."""
    users = [User.objects.create(email=f"r{n}@runtime.test").pk for n in range(4)]
    session = Session(seed, users, [market_spec(market) for market in Market.objects.all()])
    engine = Engine(0, pipes.connection())
    engine.start()
    commands = session.funding() + session.commands(COMMANDS)

    seen = set()
    position = 0
    while commands:
        size = session.chance.choice([1, 2, 10, 25, 100])
        batch, commands = commands[:size], commands[size:]
        position += 1
        engine.process(Intake(f"1-{position}", [Parcel("", [Request(0, command) for command in batch])]))

        again = recovery.load(0).core
        assert state_hash(again) == state_hash(engine.core)
        seen |= {order.state for order in again.open_orders()}
        assert sorted(book_levels()[2]) == sorted(
            (book.spec.id, side, price, quantity)
            for book in engine.core.books()
            for side in Side
            for price, quantity in book.levels(side, 1_000)
        )

    assert seen == set(OrderState)
    assert OrderCondition.objects.filter(iceberg_quantity__gt=0).exists()
    assert OrderList.objects.filter(status=2).exists()
    assert PreventedMatch.objects.count() > 10
    assert EngineState.objects.get(shard=0).rank_number > 100
    # The session's holds are for nobody's withdrawal; all else is in order.
    wrong = {finding.name: finding.first for finding in check_database() if not finding.has_passed}
    assert wrong.keys() == {"holds have a withdrawal"}, wrong
    engine.close()
