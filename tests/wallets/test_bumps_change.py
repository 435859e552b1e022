"""Change of Bitcoin payments whose fee is raised: it is worth nothing once another version is mined."""

import pytest

from tests.wallets.desk import FEE, Desk, statuses
from wallets.chains.bitcoin import inputs_of
from wallets.models import ChainTransaction
from wallets.payouts import bitcoin as signer
from wallets.payouts import bitcoin_bump as module
from wallets.payouts.bitcoin_bump import bitcoin_bump_one
from wallets.payouts.versions import NotBumped

COIN = 100_000_000


def test_change_of_a_version_that_was_raised_pays_nobody(desk: Desk) -> None:
    """The trap: the wallet offers that change until the raised version is sent, and it is worth nothing then."""
    desk.fund(COIN)
    one = desk.ask()
    first = desk.sign()[0]
    desk.send()
    desk.mine_only()
    second = desk.bump()[0]  # and here the worker dies
    other = desk.ask(10_000_000)

    offered = {coin.txid for coin in desk.node.coins()}
    too_early = desk.sign()
    still_offered = {coin.txid for coin in desk.node.coins()}
    desk.send()
    later_on = desk.sign()[0]
    desk.send()
    desk.finish()

    assert (offered, too_early, still_offered) == ({first.txid}, [], {first.txid})
    assert [txid for txid, _ in inputs_of(later_on.raw)] == [second.txid]
    assert statuses(one, other) == ["confirmed", "confirmed"]
    assert desk.chain.received(other.address) == 10_000_000 - FEE


def test_what_was_built_on_change_of_a_version_that_is_raised_meanwhile_is_built_anew(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.fund(COIN, 20_000_000)
    one = desk.ask()
    first = desk.sign()[0]
    desk.send()
    desk.mine_only()
    large, small = desk.ask(60_000_000), desk.ask(10_000_000)
    build, built = signer.payment_build, []

    def overtaken(*args: object) -> object:
        built.append(build(*args))  # type: ignore[arg-type]
        if len(built) == 1:
            desk.bump()
        return built[-1]

    monkeypatch.setattr(signer, "payment_build", overtaken)
    records = [row for row in desk.sign() if row.first_version is None]
    monkeypatch.undo()
    after = statuses(large, small)
    desk.send()
    desk.sign()
    desk.send()
    desk.finish()

    assert first.txid in {txid for txid, _ in built[0].inputs}
    assert first.txid not in {txid for row in records for txid, _ in inputs_of(row.raw)}
    # Which coin pays the first one is the wallet's choice, so the small one is signed for at once or at the next look.
    assert after[0] == "held"
    assert statuses(one, small) == ["confirmed", "confirmed"]


def test_a_version_is_not_raised_once_its_change_is_spent_meanwhile(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.fund(COIN)
    one = desk.ask(10_000_000)
    first = desk.sign()[0]
    desk.send()
    desk.mine_only()
    other = desk.ask(10_000_000)
    build = module._build
    children = []

    def overtaken(*args: object) -> object:
        signed = build(*args)  # type: ignore[arg-type]
        if not children:
            children.extend(desk.sign())
        return signed

    monkeypatch.setattr(module, "_build", overtaken)
    stored = desk.bump()
    monkeypatch.undo()
    desk.send()
    desk.finish()

    assert [txid for txid, _ in inputs_of(children[0].raw)] == [first.txid]
    assert stored == children
    assert statuses(one, other) == ["confirmed", "confirmed"]


def test_what_spends_change_of_a_version_that_was_raised_is_not_raised(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.fund(COIN)
    desk.ask(10_000_000)
    first = desk.sign()[0]
    desk.send()
    desk.ask(10_000_000)
    child = desk.sign()[0]
    ChainTransaction.objects.create(
        asset=desk.btc, fee_asset=desk.btc, kind="withdrawal", txid="aa" * 32, raw=first.raw, first_version=first
    )

    with pytest.raises(NotBumped, match="change"):
        bitcoin_bump_one(asset=desk.btc, node=desk.node, txid=child.txid)
