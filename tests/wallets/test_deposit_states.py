"""Any course that a deposit can take: blocks that come and go, workers that die or are late, an engine that is late.

Seeded. After each step the audit finds nothing; at the end the account has exactly what the chain has.
"""

import os
import random
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connection

from accounts.models import User
from tests.wallets.books import Books
from tests.wallets.deposits import audit_deposits
from trading.engine.commands import Command
from trading.engine.enums import Reason
from trading.gateway import notices
from wallets.chains.place import GONE, WAITING, Place
from wallets.deposits import credits, places, reversals
from wallets.deposits.outcome import deposits_finish
from wallets.deposits.places import deposits_place
from wallets.deposits.rows import Sighting, deposits_see, unfinished
from wallets.ledger.chart import Owner
from wallets.models import Asset, ChainCursor, Deposit, DepositAddress, Posting

COURSES = int(os.environ.get("MEX_DEPOSIT_COURSES", "15"))
STEPS = 80
NEEDED = 3
AMOUNTS = (500, 700, 20_000)
"""Two that are below the minimum, and reach it together, and one above it."""
MINIMUM = 1_000


class Died(BaseException):
    """The worker is no more."""


class LateEngine(Books):
    """Takes commands when it gets to it, in order, and some of them twice."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = True
        self.queue: list[Command] = []

    def send(self, commands: Any) -> None:
        super().send(commands)
        self.queue.extend(commands)

    def work(self, count: int) -> None:
        for command in self.queue[:count]:
            self._apply(command)
        del self.queue[:count]


class Course:
    """One chain, its deposits, and what becomes of them."""

    def __init__(self, seed: int, asset: Asset, user: User, monkeypatch: pytest.MonkeyPatch) -> None:
        self.chance = random.Random(seed)
        self.asset, self.user, self.engine = asset, user, LateEngine()
        self.height, self.blocks = 10, 0
        self.mined: dict[int, tuple[int, str]] = {}
        self.known = set(range(len(AMOUNTS)))
        self.late: list[dict[int, Place]] = []
        self.strikes = 0
        self.address = DepositAddress.objects.create(asset=asset, user=user, address=f"address {seed}")
        self.cursor = ChainCursor.objects.create(chain=asset.chain, height=10, block_hash="x", tip_height=10)
        for place, name in (
            (places, "place_note"),
            (credits, "_decided"),
            (credits, "_mark"),
            (reversals, "_decide"),
            (reversals, "_finish"),
        ):
            monkeypatch.setattr(place, name, self._mortal(getattr(place, name)))

    def _mortal(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any) -> Any:
            self._strike()
            result = function(*args)
            self._strike()
            return result

        return wrapped

    def _strike(self) -> None:
        if self.strikes:
            self.strikes -= 1
            if not self.strikes:
                raise Died

    def step(self) -> None:
        do = [self._mine, self._mine, self._mine, self._reorganise, self._look, self._look, self._be_late, self._work]
        self.chance.choice(do)()

    def calm(self) -> None:
        """Let the chain grow, everybody live and the engine keep up, until nothing can change any more."""
        for _ in range(4 * NEEDED):
            self._mine()
            self._look()
            self.engine.work(len(self.engine.queue))
        self._look()
        self._look()

    def _mine(self) -> None:
        self.height += self.chance.randint(1, 2)
        self.blocks += 1
        for number in sorted(self.known - set(self.mined)):
            if self.chance.random() < 0.5:
                self.mined[number] = self.height, f"block {self.blocks}"

    def _reorganise(self) -> None:
        """Leave some blocks, and most of what was in them; or, less often, all that was left before comes back."""
        fork = max(self.height - self.chance.choice([1, 2, NEEDED, 2 * NEEDED, 100]), 0)
        for number in [number for number, (height, _) in self.mined.items() if height > fork]:
            del self.mined[number]
            if self.chance.random() < 0.7:
                self.known.discard(number)  # its coins are spent elsewhere, or nobody has it any more
        self.height += self.chance.randint(-1, NEEDED)
        if self.chance.random() < 0.15:
            self.known = set(range(len(AMOUNTS)))

    def _look(self) -> None:
        """Look as a worker does; one in three dies on the way."""
        self.strikes = self.chance.randint(1, 12) if self.chance.random() < 0.3 else 0
        try:
            ChainCursor.objects.update(tip_height=self.height, height=self.height)
            sightings = [
                Sighting(f"tx {number}", 0, self.address.address, AMOUNTS[number], self._place(number))
                for number in self.mined
            ]
            deposits_see(asset=self.asset, sightings=sightings)
            watched = set(unfinished(self.asset)) | set(Deposit.objects.filter(status__in=["credited", "collecting"]))
            deposits_place({row.pk: self._place(int(row.txid[3:])) for row in watched})
            deposits_finish(asset=self.asset, height=self.height, send=self.engine.send)
        except Died:
            pass
        self.strikes = 0

    def _be_late(self) -> None:
        """Ask the node now, and write down what it said when others are further."""
        if self.late:
            deposits_place(self.late.pop())
        self.late.append({row.pk: self._place(int(row.txid[3:])) for row in Deposit.objects.exclude(status="reversed")})

    def _work(self) -> None:
        again = self.chance.sample(self.engine.sent, min(2, len(self.engine.sent)))
        self.engine.work(self.chance.randint(0, 3))
        self.engine.queue += again  # sent before, told again after a crash

    def _place(self, number: int) -> Place:
        if number in self.mined:
            height, block_hash = self.mined[number]
            return Place(self.height - height + 1, height, block_hash)
        return WAITING if number in self.known else GONE

    def check(self) -> None:
        """Whatever is in flight, nothing is booked twice, and nothing unasked."""
        assert audit_deposits() == []

    def check_end(self) -> None:
        for number, amount in enumerate(AMOUNTS):
            row = Deposit.objects.filter(txid=f"tx {number}").first()
            if row is None:
                continue
            credits_, reversals_ = self._posted(row, Reason.DEPOSIT), self._posted(row, Reason.REVERSAL)
            is_there = number in self.mined
            expected = {"credited", "collecting"} if is_there else {"orphaned", "seen", "reversed"}
            assert row.status in expected, (row, row.status, self.mined)
            has_credit = row.status == "credited"
            assert (len(credits_) - len(reversals_), row.reversals) == (int(has_credit), len(reversals_))
            assert row.status != "collecting" or amount < MINIMUM
            assert row.status not in ("orphaned", "seen") or row.credited_at is None
        there = sum(Deposit.objects.filter(status="credited").values_list("amount", flat=True))
        assert self.engine.balance(self.user.pk, self.asset.pk)[0] == there
        assert self.engine.balance(Owner.LOSS, self.asset.pk)[0] == 0  # nobody spent anything
        self.check()

    def _posted(self, row: Deposit, reason: Reason) -> list[str]:
        names = [f"deposit:{row.pk}", *(f"deposit:{row.pk}:{number}" for number in range(1, 50))]
        return list(Posting.objects.filter(reason=reason, reference__in=names).values_list("reference", flat=True))


@pytest.mark.parametrize("seed", range(COURSES))
def test_an_account_has_what_the_chain_has(btc: Asset, alice: User, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    Asset.objects.filter(pk=btc.pk).update(confirmations=NEEDED, deposit_min=MINIMUM)
    btc.refresh_from_db()
    monkeypatch.setattr(notices, "accounts_news", lambda *_: None)
    credits._minimums.clear()
    course = Course(seed, btc, alice, monkeypatch)

    for _ in range(STEPS):
        course.step()
        course.check()
    course.calm()

    course.check_end()


def test_many_workers_at_once_credit_once_and_take_back_once(
    btc: Asset, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them decide, send and note the same; what they send counts once."""
    Asset.objects.filter(pk=btc.pk).update(confirmations=NEEDED, deposit_min=MINIMUM)
    btc.refresh_from_db()
    monkeypatch.setattr(notices, "accounts_news", lambda *_: None)
    credits._minimums.clear()
    engine = LateEngine()
    address = DepositAddress.objects.create(asset=btc, user=alice, address="address")
    ChainCursor.objects.create(chain=btc.chain, height=10, block_hash="x", tip_height=10)
    deep = Place(NEEDED, 8, "block")
    sightings = [Sighting(f"tx {number}", 0, address.address, amount, deep) for number, amount in enumerate(AMOUNTS)]

    def work(height: int) -> None:
        _together(lambda: deposits_finish(asset=btc, height=height, send=engine.send))
        engine.work(len(engine.queue))
        _together(lambda: deposits_finish(asset=btc, height=height, send=engine.send))

    _together(lambda: deposits_see(asset=btc, sightings=sightings))
    work(10)
    credited = list(Deposit.objects.values_list("status", flat=True))
    _together(lambda: deposits_place(dict.fromkeys(Deposit.objects.values_list("pk", flat=True), GONE)))
    work(10 + NEEDED)

    assert credited == ["credited"] * 3
    assert list(Deposit.objects.values_list("status", "reversals", "credited_at")) == [("reversed", 1, None)] * 3
    assert engine.balance(alice.pk, btc.pk) == (0, 0)
    assert audit_deposits() == []


def _together(function: Callable[[], None], workers: int = 4) -> None:
    """Do something in several threads at the same moment."""
    gate, failures = threading.Barrier(workers), []

    def work() -> None:
        gate.wait(30)
        try:
            function()
        except DatabaseError as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
