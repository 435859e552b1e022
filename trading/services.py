"""What operators do: markets and the terms of accounts. The engine decides and writes; all of it is on its audit trail.

Nothing here may run inside a transaction (trading/gateway/ask.py). What an operator did takes effect between two
commands of traders, while the engine runs.
"""

import unicodedata
import uuid
from collections.abc import Mapping

import msgspec

from accounts.models import User
from mex.errors import (
    AccountUnknown,
    MarketExists,
    MarketUnknown,
    MexError,
    NoteIllegal,
    NothingToChange,
    RulesUnsound,
    StepsInUse,
)
from mex.money import PPM
from trading.engine.commands import SetMarket, SetTerms
from trading.engine.enums import MarketStatus, Reject, StpMode
from trading.engine.events import MarketChanged, Rejected, TermsChanged
from trading.engine.markets import MarketSpec
from trading.gateway.ask import ask, operators_turn
from trading.models import Market, Terms
from trading.rules import OF_THE_MARKET, RULES, problems_of
from trading.selectors import market_spec
from wallets.models import Asset

NOTE_CHARS_MAX = 1_000


# --- markets -------------------------------------------------------------------------------------


def market_create(*, spec: MarketSpec, actor: str, note: str = "") -> MarketSpec:
    """Open a market, and return it with the id that the engine gave it.

    spec: id 0. Raises RulesUnsound, MarketExists, NoteIllegal, EngineSilent.
    """
    assert spec.id == 0
    _check_note(note)
    problems = problems_of(spec)
    known = set(Asset.objects.filter(pk__in=(spec.base, spec.quote)).values_list("pk", flat=True))
    problems |= {side: "There is no such asset." for side in ("base", "quote") if getattr(spec, side) not in known}
    if problems:
        raise RulesUnsound(problems)
    with operators_turn():
        if Market.objects.filter(symbol=spec.symbol).exists():
            raise MarketExists(spec.symbol)
        return _set_market(spec, actor, note)


def market_change(*, symbol: str, changes: Mapping[str, int], actor: str, note: str = "") -> MarketSpec:
    """Change some rules of a market, and return all that are in force now.

    changes: rules of trading.rules.RULES by name. Raises MarketUnknown, RulesUnsound, StepsInUse, NothingToChange,
    NoteIllegal, EngineSilent.
    """
    assert changes.keys() <= set(RULES), changes
    return _change(symbol, changes, actor, note)


def market_halt(*, symbol: str, actor: str, note: str = "") -> MarketSpec:
    """Take no new orders; open ones stay and can be cancelled. Raises as market_change does."""
    return _change(symbol, {"status": MarketStatus.HALT}, actor, note)


def market_resume(*, symbol: str, actor: str, note: str = "") -> MarketSpec:
    """Take orders again, also where a market was delisted. Raises as market_change does."""
    return _change(symbol, {"status": MarketStatus.TRADING}, actor, note)


def market_delist(*, symbol: str, actor: str, note: str = "") -> MarketSpec:
    """Take no orders any more, let open ones expire, and show the market no longer. Raises as market_change does."""
    return _change(symbol, {"status": MarketStatus.DELISTED}, actor, note)


def _change(symbol: str, changes: Mapping[str, int], actor: str, note: str) -> MarketSpec:
    _check_note(note)
    with operators_turn():
        market = Market.objects.filter(symbol=symbol).first()
        if market is None:
            raise MarketUnknown(symbol)
        old = market_spec(market)
        spec = msgspec.structs.replace(old, **changes)
        if spec == old:
            raise NothingToChange(symbol)
        problems = problems_of(spec)
        if problems:
            raise RulesUnsound(problems)
        return _set_market(spec, actor, note)


def _set_market(spec: MarketSpec, actor: str, note: str) -> MarketSpec:
    # Last, because a delisted market's orders expire before.
    event = ask(SetMarket(_reference("market"), actor, note, spec))[-1]
    if isinstance(event, MarketChanged):
        return event.spec
    assert isinstance(event, Rejected), event
    raise _market_refusal(event.reject, spec)


def _market_refusal(reject: Reject, spec: MarketSpec) -> MexError:
    if reject is Reject.STEPS_IN_USE:
        return StepsInUse()
    if reject is Reject.MARKET_UNKNOWN:
        return MarketUnknown(spec.symbol)
    assert reject is Reject.INVALID, reject
    # What is sound and was refused all the same: the symbol or its assets are not what they were.
    return MarketExists(spec.symbol)


# --- accounts ------------------------------------------------------------------------------------


def terms_set(
    *,
    account: int,
    actor: str,
    note: str = "",
    maker_fee_ppm: int | None = None,
    taker_fee_ppm: int | None = None,
    stp: StpMode | None = None,
) -> TermsChanged:
    """Give an account fee rates of its own, in ppm, and a default of self-trade prevention; return what is in force.

    None: as it was. A rate of OF_THE_MARKET (-1): none of its own. Raises AccountUnknown, RulesUnsound,
    NothingToChange, NoteIllegal, EngineSilent.
    """
    _check_note(note)
    user = User.objects.filter(pk=account).first()
    if user is None:
        raise AccountUnknown(account)
    with operators_turn():
        old = Terms.objects.filter(pk=account).first() or Terms(account=user)
        maker = old.maker_fee_ppm if maker_fee_ppm is None else maker_fee_ppm
        taker = old.taker_fee_ppm if taker_fee_ppm is None else taker_fee_ppm
        # The default is what "none" says: one word for one thing on the audit trail.
        mode = StpMode((old.stp if stp is None else stp) or StpMode.NONE)
        rates = {"maker_fee_ppm": maker, "taker_fee_ppm": taker}
        problems = {
            name: f"A fee must be 0 to {PPM - 1} ppm, or {OF_THE_MARKET} for the market's."
            for name, rate in rates.items()
            if not OF_THE_MARKET <= rate < PPM
        }
        if problems:
            raise RulesUnsound(problems)
        if (maker, taker, mode) == (old.maker_fee_ppm, old.taker_fee_ppm, old.stp or StpMode.NONE):
            raise NothingToChange(user.email)
        event = ask(SetTerms(_reference("terms"), actor, note, account, maker, taker, mode))[-1]
        assert isinstance(event, TermsChanged), event
        return event


def _reference(kind: str) -> str:
    return f"{kind}:{uuid.uuid4()}"


def _check_note(note: str) -> None:
    # The engine commits what it is told, and a database refuses some characters: they must not get that far.
    if len(note) > NOTE_CHARS_MAX or any(unicodedata.category(character) in ("Cc", "Cs") for character in note):
        raise NoteIllegal(NOTE_CHARS_MAX)
