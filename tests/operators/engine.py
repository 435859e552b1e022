"""An engine of its own thread on the test's database and pipe, and traders who talk to it."""

import itertools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec
from django.conf import settings
from django.db import connections

from accounts.models import User
from trading.engine.commands import CancelOrder, Parcel, PlaceOrder, Transfer
from trading.engine.enums import OrderType, Reason, Side, TimeInForce
from trading.engine.events import Accepted, Event
from trading.engine.markets import MarketSpec
from trading.gateway import pipes
from trading.gateway.ask import ask
from trading.runtime.loop import Engine, open_pipe
from wallets.ledger.chart import Owner
from wallets.models import Balance

_numbers = itertools.count(1)


class RunningEngine:
    """Runs from its making to `stop`."""

    def __init__(self) -> None:
        self._is_stopping = False
        self._thread = ThreadPoolExecutor(1, "engine")
        self._end = self._thread.submit(self._run)

    def stop(self) -> None:
        """End it, and raise what it died of, if it did."""
        self._is_stopping = True
        # Something to read, so that it looks up at once.
        nothing = msgspec.msgpack.encode(Parcel("", []))
        pipes.connection().xadd(pipes.commands_key(settings.MEX_SHARD), {pipes.FIELD: nothing})
        self._end.result(30)
        self._thread.shutdown()

    def _run(self) -> None:
        try:
            engine = Engine(settings.MEX_SHARD, open_pipe())
            engine.start()
            engine.run(lambda: self._is_stopping)
            engine.close()
        finally:
            connections.close_all()


class Trader:
    """Somebody with funds, who places and cancels orders in one market."""

    def __init__(self, name: str, spec: MarketSpec, units: int = 10**12) -> None:
        self.user = User.objects.create(email=f"{name}@example.org")
        self.account = self.user.pk
        for asset in (spec.base, spec.quote):
            give = Transfer(f"gift:{name}:{asset}", Owner.ADJUSTMENT, self.account, asset, units, Reason.ADJUSTMENT)
            ask(give)

    def order(
        self, spec: MarketSpec, side: Side, price: int, quantity: int, type: OrderType = OrderType.LIMIT
    ) -> Sequence[Event]:
        """Place an order, and return what the engine did."""
        number = next(_numbers)
        order = PlaceOrder(self.account, spec.id, f"o{number}", side, type, TimeInForce.GTC, quantity, price)
        return ask(order)

    def rest(self, spec: MarketSpec, side: Side, price: int, quantity: int) -> int:
        """Place an order that waits in the book, and return its id."""
        (accepted,) = self.order(spec, side, price, quantity)
        assert isinstance(accepted, Accepted)
        return accepted.id

    def cancel(self, spec: MarketSpec, order: int) -> Sequence[Event]:
        """Cancel an order, and return what the engine did."""
        return ask(CancelOrder(self.account, spec.id, order, "", f"c{next(_numbers)}"))

    def funds(self, asset: int) -> tuple[int, int]:
        """Return (balance, held) of an asset, as committed."""
        row = Balance.objects.get(owner=self.account, asset_id=asset)
        return row.balance, row.held
