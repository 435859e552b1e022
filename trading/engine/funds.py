"""Who has what, and what of it is set aside: purses and holds.  [pure]

`held` of a user's purse is what his open orders and open holds need; what is left of `balance` is available.
"""

from collections.abc import Iterable

from trading.engine.enums import HoldState, Reason


class Purse:
    """What one owner has of one asset, in units. `told_*` is what the last `close_batch` told of it."""

    __slots__ = ("asset", "balance", "held", "owner", "place", "told_balance", "told_held")

    owner: int
    asset: int
    balance: int
    held: int
    told_balance: int
    told_held: int
    place: tuple[int, int]
    """Owner and asset: where it stands among the others."""

    def __init__(self, owner: int, asset: int) -> None:
        self.owner = owner
        self.asset = asset
        self.place = (owner, asset)
        self.balance = 0
        self.held = 0
        self.told_balance = 0
        self.told_held = 0

    @property
    def available(self) -> int:
        """What may be spent or set aside."""
        return self.balance - self.held


class Hold:
    """Funds set aside for a withdrawal, or the memory of it."""

    __slots__ = ("account", "amount", "asset", "reference", "state")

    reference: str
    account: int
    asset: int
    amount: int
    state: HoldState

    def __init__(self, reference: str, account: int, asset: int, amount: int, state: HoldState) -> None:
        self.reference = reference
        self.account = account
        self.asset = asset
        self.amount = amount
        self.state = state


class Funds:
    """All purses, all open holds, and which transfers and closed holds are known to have been."""

    __slots__ = ("_purses", "closed_holds", "open_holds", "transfers")

    _purses: dict[tuple[int, int], Purse]
    open_holds: dict[str, Hold]
    closed_holds: dict[str, Hold]
    """Settled, released or refused since the last `forget`, or learned since then."""
    transfers: set[tuple[str, Reason]]
    """Applied since the last `forget`, or learned since then."""

    def __init__(self) -> None:
        self._purses = {}
        self.open_holds = {}
        self.closed_holds = {}
        self.transfers = set()

    def purse(self, owner: int, asset: int) -> Purse:
        """Return the purse of an owner and asset, empty if it is new."""
        key = (owner, asset)
        purse = self._purses.get(key)
        if purse is None:
            purse = self._purses[key] = Purse(owner, asset)
        return purse

    def peek(self, owner: int, asset: int) -> Purse | None:
        """Return the purse of an owner and asset, or None; unlike `purse` it makes none."""
        return self._purses.get((owner, asset))

    def purses(self) -> list[Purse]:
        """Return all purses, ordered by owner and asset."""
        return [self._purses[key] for key in sorted(self._purses)]

    def hold(self, reference: str) -> Hold | None:
        """Return the open hold, or the closed one that is remembered, of this reference."""
        hold = self.open_holds.get(reference)
        return self.closed_holds.get(reference) if hold is None else hold

    def learn_holds(self, rows: Iterable[tuple[str, int, int, int, HoldState]]) -> None:
        """Remember closed holds (reference, account, asset, amount, state) until `forget`.

        What the core knows itself is newer than any stored row, so such rows are passed over.
        """
        for reference, account, asset, amount, state in rows:
            if self.hold(reference) is None:
                assert state != HoldState.HELD, f"open hold {reference} was not restored"
                self.closed_holds[reference] = Hold(reference, account, asset, amount, HoldState(state))

    def forget(self) -> None:
        """Drop what is remembered only to recognise repeats."""
        self.closed_holds.clear()
        self.transfers.clear()
