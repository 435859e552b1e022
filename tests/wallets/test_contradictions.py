"""Payments that were settled, taken out of the chain by a deep reorganisation, and mined again with another outcome."""

import logging
from collections.abc import Callable
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import User
from tests.wallets.books import Books
from tests.wallets.nodes import Anvil
from tests.wallets.payouts import ETHER, finish, follow, fresh_address, request, rows, sign, status
from tests.wallets.tokens import DOLLAR, UNITS, mine_and_scan
from trading.engine.commands import Transfer
from trading.engine.enums import Reason
from trading.gateway import sender
from wallets import api
from wallets.chains import health, keys
from wallets.control.switch import resume, withdrawals_halted
from wallets.ledger.audit import check_database
from wallets.ledger.chart import Owner
from wallets.models import Asset, ChainTransaction, Posting, Withdrawal
from wallets.news import withdrawal_event
from wallets.payouts.ethereum_gaps import ethereum_gaps_fill
from wallets.payouts.ethereum_sweeps import ethereum_sweep
from wallets.payouts.progress import withdrawals_advance

CHECK = "settled transactions have the outcome that they were settled for"
REFUSES = "0xfe"


@pytest.fixture
def hot(anvil: Anvil, usdt: Asset) -> Anvil:
    """The node, with ether and 500 dollars at our hot address, and withdrawals of the token open."""
    health._said.clear()
    Asset.objects.filter(pk=usdt.pk).update(withdrawals_open=True, approval_above=None)
    usdt.refresh_from_db()
    anvil.pay(keys.hot_address(), ETHER)
    anvil.pay_token(usdt.contract, keys.hot_address(), 500 * DOLLAR)
    anvil.mine()
    return anvil


@pytest.fixture
def rich(books: Books, alice: User, usdt: Asset) -> User:
    """Alice, with 1,000 dollars in the books."""
    books.give(alice.pk, usdt.pk, 1_000 * UNITS)
    return alice


@pytest.fixture
def code(hot: Anvil, usdt: Asset) -> Callable[[str], None]:
    """Put other code in the place of the token's contract; blank: its own."""
    own = str(hot.call("eth_getCode", usdt.contract, "latest"))
    return lambda other: hot.call("anvil_setCode", usdt.contract, other or own)


def paid(node: Anvil, books: Books, user: User, asset: Asset) -> Withdrawal:
    withdrawal = request(user, asset, books, fresh_address(), 100 * UNITS)
    sign(node, asset)
    finish(node, books, blocks=4)
    return withdrawal


def mined_again(node: Anvil, books: Books, change: Callable[[], None], blocks: int = 3) -> None:
    """Take four blocks out of the chain, change something there, and have what was in them mined anew."""
    node.call("anvil_reorg", 4, [])
    change()
    follow(node, books)
    node.mine(1)
    follow(node, books)
    node.mine(blocks)
    for _ in range(4):
        follow(node, books)


def findings() -> tuple[str, ...]:
    return next(finding.first for finding in check_database() if finding.name == CHECK)


def errors(caplog: pytest.LogCaptureFixture, part: str) -> list[str]:
    texts = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    return [text for text in texts if part in text]


def test_a_payment_without_its_effect_is_an_alarm_and_nothing_is_paid_twice(
    hot: Anvil,
    usdt: Asset,
    books: Books,
    rich: User,
    code: Callable[[str], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    withdrawal = paid(hot, books, rich, usdt)
    settled, before = status(withdrawal), Posting.objects.exclude(reference__startswith="network-fee").count()

    mined_again(hot, books, lambda: code(REFUSES))
    sign(hot, usdt)
    follow(hot, books)

    record = ChainTransaction.objects.get()
    because = f"withdrawal {withdrawal.pk} was settled, and the chain says otherwise"
    assert (settled, status(withdrawal), record.status) == ("confirmed", "confirmed", "confirmed")
    assert withdrawals_halted(Asset.objects.get(code="USDT")) == because
    assert withdrawals_halted(Asset.objects.get(code="ETH")) == ""
    assert len(errors(caplog, f"withdrawal {withdrawal.pk} was settled as done")) == 1
    assert record.contradicted_at is not None
    assert not record.fee_in_doubt
    assert findings() == (f"USDT withdrawal {record.txid} is confirmed, and the chain says otherwise",)
    assert rows() == [("withdrawal", 0, "confirmed")]
    assert Posting.objects.exclude(reference__startswith="network-fee").count() == before


def test_nothing_is_said_before_it_is_deep_enough(
    hot: Anvil, usdt: Asset, books: Books, rich: User, code: Callable[[str], None]
) -> None:
    """Another block may still have another outcome, as the first one had."""
    paid(hot, books, rich, usdt)
    mined_again(hot, books, lambda: code(REFUSES), blocks=1)
    early = (ChainTransaction.objects.get().contradicted_at, withdrawals_halted(Asset.objects.get(code="USDT")))

    mined_again(hot, books, lambda: code(""))

    record = ChainTransaction.objects.get()
    assert (early, record.contradicted_at, record.fee_in_doubt) == ((None, ""), None, False)
    assert withdrawals_halted(Asset.objects.get(code="USDT")) == ""


def test_an_alarm_is_over_when_the_chain_turns_again_and_the_halt_is_the_operators_to_end(
    hot: Anvil, usdt: Asset, books: Books, rich: User, code: Callable[[str], None]
) -> None:
    paid(hot, books, rich, usdt)
    mined_again(hot, books, lambda: code(REFUSES))
    alarmed = ChainTransaction.objects.get().contradicted_at
    mined_again(hot, books, lambda: code(""))

    record = ChainTransaction.objects.get()
    assert (alarmed is None, record.contradicted_at, findings()) == (False, None, ())
    assert "the chain says otherwise" in withdrawals_halted(Asset.objects.get(code="USDT"))
    assert resume(usdt)


def test_what_failed_and_was_given_back_and_pays_after_all_is_an_alarm(
    hot: Anvil, usdt: Asset, books: Books, rich: User, code: Callable[[str], None], caplog: pytest.LogCaptureFixture
) -> None:
    """We do not send it again, but its bytes are known, and somebody may."""
    withdrawal = request(rich, usdt, books, fresh_address(), 100 * UNITS)
    sign(hot, usdt)
    code(REFUSES)
    finish(hot, books, blocks=4)
    follow(hot, books)
    given_back = status(withdrawal)
    hot.call("anvil_reorg", 4, [])
    code("")
    hot.node.broadcast(ChainTransaction.objects.get().raw)
    hot.mine(4)
    for _ in range(4):
        follow(hot, books)

    record = ChainTransaction.objects.get()
    assert (given_back, status(withdrawal), record.status) == ("rejected", "rejected", "failed")
    assert record.contradicted_at is not None
    assert len(errors(caplog, f"withdrawal {withdrawal.pk} was settled as failed")) == 1
    assert f"withdrawal {withdrawal.pk}" in withdrawals_halted(Asset.objects.get(code="USDT"))
    assert findings() == (f"USDT withdrawal {record.txid} is failed, and the chain says otherwise",)


def test_a_sweep_without_its_effect_is_an_alarm(
    hot: Anvil, eth: Asset, usdt: Asset, books: Books, address: str, code: Callable[[str], None]
) -> None:
    hot.pay_token(usdt.contract, address, 50 * DOLLAR)
    hot.call("anvil_setBalance", address, hex(ETHER // 10))
    mine_and_scan(hot, books)
    ethereum_sweep(asset=eth, node=hot.node, tokens=[usdt])
    finish(hot, books, blocks=4)
    record = ChainTransaction.objects.get(asset=usdt)
    mined_again(hot, books, lambda: code(REFUSES))

    was = record.status
    record.refresh_from_db()
    assert (record.kind, was, record.status) == ("sweep", "confirmed", "confirmed")
    assert record.contradicted_at is not None
    assert withdrawals_halted(Asset.objects.get(code="USDT")) == (
        f"sweep {record.txid} was settled, and the chain says otherwise"
    )


def decide(record: ChainTransaction, *more: str) -> str:
    out = StringIO()
    call_command("contradiction", record.txid, "--note", "decided by desk 3", *more, stdout=out)
    return out.getvalue()


@pytest.fixture
def booked(books: Books, monkeypatch: pytest.MonkeyPatch) -> Books:
    """The ledger, which the command's own sender reaches, too."""
    monkeypatch.setattr(sender, "send", books.send)
    return books


def test_what_did_not_leave_is_given_back_when_operators_say_so_once(
    hot: Anvil, usdt: Asset, booked: Books, rich: User, code: Callable[[str], None]
) -> None:
    """He has what he would have received; the books and the chain agree again."""
    paid(hot, booked, rich, usdt)
    after_paying = booked.balance(rich.pk, usdt.pk)
    mined_again(hot, booked, lambda: code(REFUSES))
    record = ChainTransaction.objects.get()
    ChainTransaction.objects.update(fee_in_doubt=True)
    for more, why in (((), "lost it again"), (("--book",), "cannot be told")):
        with pytest.raises(CommandError, match=why):
            decide(record, *more)
    ChainTransaction.objects.update(fee_in_doubt=False)

    said = decide(record, "--book")
    for more in ((), ("--book",)):
        with pytest.raises(CommandError):
            decide(record, *more)

    record.refresh_from_db()
    assert (record.contradiction_note, record.status) == ("decided by desk 3", "confirmed")
    assert "99 USDT" in said
    assert after_paying == (900 * UNITS, 0)
    assert booked.balance(rich.pk, usdt.pk) == (999 * UNITS, 0)
    assert booked.balance(Owner.ADJUSTMENT, usdt.pk) == (-1_000 * UNITS, 0)  # what the test gave her at first
    assert booked.balance(Owner.CHAIN, usdt.pk) == (0, 0)
    assert [
        finding.first for finding in check_database() if finding.differences and "command" not in finding.name
    ] == []
    assert withdrawals_halted(Asset.objects.get(code="USDT")) != "", "an operator opens it"


def sent_by_others(node: Anvil, code: Callable[[str], None]) -> None:
    code("")
    node.node.broadcast(ChainTransaction.objects.get().raw)


def test_what_was_given_back_is_not_sent_again_when_the_chain_loses_it_once_more(
    hot: Anvil, usdt: Asset, booked: Books, rich: User, code: Callable[[str], None]
) -> None:
    """It was, and could pay then. Its nonce is filled instead: it never can, and what comes after it goes on."""
    first = paid(hot, booked, rich, usdt)
    mined_again(hot, booked, lambda: code(REFUSES))
    decide(ChainTransaction.objects.get(), "--book")
    resume(usdt)
    hot.call("anvil_reorg", 4, [])
    code("")
    follow(hot, booked)

    second = request(rich, usdt, booked, fresh_address(), 100 * UNITS)
    sign(hot, usdt)
    ethereum_gaps_fill(asset=Asset.objects.get(code="ETH"), node=hot.node)
    finish(hot, booked, blocks=4)
    for _ in range(2):
        follow(hot, booked)  # until the fees are right: the filler is final, and its family not in doubt any more
    settled = (ChainTransaction.objects.filter(fee_in_doubt=True).count(), ChainTransaction.objects.earliest("pk"))
    mined_again(hot, booked, lambda: code(""))  # the chain loses the filler, too

    received = hot.node.token_balances(usdt.contract, [first.address, second.address])
    assert received == {first.address: 0, second.address: 99 * DOLLAR}
    assert (settled[0], settled[1].contradiction_note) == (0, "decided by desk 3")
    assert (status(first), status(second)) == ("rejected", "confirmed")
    assert rows() == [("withdrawal", 0, "confirmed"), ("withdrawal", 1, "confirmed"), ("filler", 0, "confirmed")]
    assert booked.balance(rich.pk, usdt.pk) == (899 * UNITS, 0)
    assert [
        finding.first for finding in check_database() if finding.differences and "command" not in finding.name
    ] == []


def test_a_decision_that_the_chain_overturns_is_an_alarm_again(
    hot: Anvil, usdt: Asset, booked: Books, rich: User, code: Callable[[str], None]
) -> None:
    """Given back, and paid after all: somebody else's node still had it."""
    withdrawal = paid(hot, booked, rich, usdt)
    mined_again(hot, booked, lambda: code(REFUSES))
    decide(ChainTransaction.objects.get())
    decided = findings()
    resume(usdt)
    mined_again(hot, booked, lambda: sent_by_others(hot, code))

    record = ChainTransaction.objects.get()
    assert (decided, record.contradicted_at) == ((), None)
    assert findings() == (f"USDT withdrawal {record.txid} is confirmed, and the chain says otherwise",)
    assert f"withdrawal {withdrawal.pk}" in withdrawals_halted(Asset.objects.get(code="USDT"))
    with pytest.raises(CommandError, match="cannot be told"):
        decide(record, "--book")
    decide(record)
    assert findings() == ()


def test_what_left_although_it_was_given_back_is_a_loss(
    hot: Anvil, usdt: Asset, booked: Books, rich: User, code: Callable[[str], None]
) -> None:
    withdrawal = request(rich, usdt, booked, fresh_address(), 100 * UNITS)
    sign(hot, usdt)
    code(REFUSES)
    finish(hot, booked, blocks=4)
    follow(hot, booked)
    hot.call("anvil_reorg", 4, [])
    code("")
    hot.node.broadcast(ChainTransaction.objects.get().raw)
    hot.mine(4)
    for _ in range(4):
        follow(hot, booked)

    decide(ChainTransaction.objects.get(), "--book")

    assert told(withdrawal, booked) == ("rejected", 5, "given back, and paid on the chain after all")
    assert booked.balance(Owner.LOSS, usdt.pk) == (-99 * UNITS, 0)
    assert booked.balance(Owner.CHAIN, usdt.pk) == (99 * UNITS, 0)
    assert booked.balance(rich.pk, usdt.pk) == (1_000 * UNITS, 0)
    assert findings() == ()


def told(withdrawal: Withdrawal, books: Books) -> tuple[str, int, str]:
    """Return what the owner of a withdrawal sees: on the page, by the API, and the reason that both show."""
    withdrawals_advance(send=books.send)
    withdrawal.refresh_from_db()
    shown = api._withdrawal(withdrawal)
    assert shown["info"] == withdrawal_event(withdrawal)["reason"] == withdrawal.reject_reason
    return withdrawal.status, int(str(shown["status"])), withdrawal.reject_reason


def test_its_owner_is_told_what_was_given_back_as_soon_as_the_ledger_has_it(
    hot: Anvil, usdt: Asset, booked: Books, rich: User, code: Callable[[str], None]
) -> None:
    withdrawal = paid(hot, booked, rich, usdt)
    mined_again(hot, booked, lambda: code(REFUSES))
    seen = [told(withdrawal, booked)]
    booked.closed = True
    decide(ChainTransaction.objects.get(), "--book")
    sent = booked.sent[-2:]
    booked.closed = False
    seen.append(told(withdrawal, booked))
    booked.send(sent)
    seen += [told(withdrawal, booked), told(withdrawal, booked)]
    in_order = [finding.first for finding in check_database() if finding.differences and "command" not in finding.name]
    mined_again(hot, booked, lambda: sent_by_others(hot, code))
    seen.append(told(withdrawal, booked))
    decide(ChainTransaction.objects.get())
    seen.append(told(withdrawal, booked))

    given_back = ("rejected", 5, "undone on the chain later: given back without the fee")
    twice = ("rejected", 5, "given back, and paid on the chain after all")
    under_way = ("confirmed", 6, "undone on the chain later: the operators have decided about it")
    assert seen == [("confirmed", 6, ""), under_way, given_back, given_back, twice, twice]
    assert in_order == []


def test_its_owner_is_told_that_operators_settled_it_otherwise_until_the_chain_has_it_again(
    hot: Anvil, usdt: Asset, booked: Books, rich: User, code: Callable[[str], None]
) -> None:
    withdrawal = paid(hot, booked, rich, usdt)
    mined_again(hot, booked, lambda: code(REFUSES))
    decide(ChainTransaction.objects.get())
    decided = told(withdrawal, booked)
    mined_again(hot, booked, lambda: sent_by_others(hot, code))
    again = told(withdrawal, booked)
    decide(ChainTransaction.objects.get())

    assert decided == ("confirmed", 6, "undone on the chain later: the operators have decided about it")
    assert again == told(withdrawal, booked) == ("confirmed", 6, "")
    Withdrawal.objects.update(status="rejected")
    breach = "withdrawals have the hold that they need"
    assert breach in [finding.name for finding in check_database() if finding.differences], "nothing was given back"


@pytest.mark.parametrize("from_cold", [True, False])
def test_a_cold_transfer_without_effect_is_in_the_hot_wallet_again(
    booked: Books, eth: Asset, usdt: Asset, from_cold: bool
) -> None:
    """What moved only our own coins is noted as failed instead, and there is nothing to book."""
    record = ChainTransaction.objects.create(
        asset=usdt, fee_asset=eth, kind="cold" if from_cold else "sweep", status="confirmed", txid="0xab", raw="00",
        amount=7 * UNITS, network_fee=0, contradicted_at=timezone.now(),
    )  # fmt: skip

    if from_cold:
        booked.send([Transfer(f"cold:{record.pk}", Owner.COLD, Owner.CHAIN, usdt.pk, 7 * UNITS, Reason.COLD)])
        decide(record, "--book")
    else:
        with pytest.raises(CommandError, match="cannot be told"):
            decide(record, "--book")
        decide(record)

    record.refresh_from_db()
    assert booked.balance(Owner.COLD, usdt.pk) == (0, 0)
    assert (record.status, record.contradicted_at is None) == (("confirmed", False) if from_cold else ("failed", True))
    assert findings() == ()
    assert [finding.first for finding in check_database() if finding.differences and "cold" in finding.name] == []
