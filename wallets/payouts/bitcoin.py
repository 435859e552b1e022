"""Signs Bitcoin withdrawals, many in one transaction. Coins that a stored transaction spends stay locked."""

import logging
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from mex.money import units_to_chain
from wallets.chains.bitcoin import BitcoinNode, PaymentRefused, SignedBitcoin
from wallets.chains.bitcoin_signing import NotSigned
from wallets.chains.health import say_once, say_over
from wallets.chains.scripts import PaymentWrong
from wallets.lock_objects import asset_lock
from wallets.models import Asset, ChainTransaction, Withdrawal
from wallets.pace import Aside
from wallets.payouts.bitcoin_batch import batch_next
from wallets.payouts.bitcoin_build import payment_build
from wallets.payouts.bitcoin_coins import (
    Outpoint,
    coins_doubtful,
    coins_free_forgotten,
    coins_give_back,
    coins_lock_again,
    coins_taken,
    coins_young,
)
from wallets.payouts.bitcoin_fees import fee_rate
from wallets.payouts.records import Kind, payable, withdrawals_claim, withdrawals_signed

log = logging.getLogger(__name__)
_WAITING_MAX = 10_000
"""Withdrawals looked at in one go. So many that could not be paid would hide later ones."""


def bitcoin_sign(
    *,
    asset: Asset,
    node: BitcoinNode,
    aside: Aside | None = None,
    now: Callable[[], datetime] = timezone.now,
) -> None:
    """Build, sign and store transactions for the withdrawals that are due; nothing is sent yet.

    One that cannot be paid is put `aside` and tried again ever less often; it does not keep the others waiting.
    Raises ChainUnavailable or ChainRefused.
    """
    aside = Aside() if aside is None else aside
    waiting = [row for row in payable(asset, _WAITING_MAX) if row.pk not in aside]
    batch = batch_next(waiting, now())
    if not batch:
        return
    coins_lock_again(asset, node)
    this_round = Round(asset, node, fee_rate(node), aside)
    try:
        while batch:
            this_round.pay(batch)
            # Each is tried once: one that was not paid now is looked at again in the next round.
            done = {row.pk for row in batch}
            waiting = [row for row in waiting if row.pk not in done]
            batch = batch_next(waiting, now())
    finally:
        this_round.end()


class Round:
    """One look at what waits, with one fee rate."""

    def __init__(self, asset: Asset, node: BitcoinNode, rate: int, aside: Aside) -> None:
        self._asset = asset
        self._node = node
        self._rate = rate
        self._aside = aside
        self._has_freed = False
        self._has_stored = False
        self._young: list[Outpoint] = []
        self._keep_young()

    def end(self) -> None:
        """Let go of what was only kept from this round."""
        self._node.inputs_unlock(self._young)

    def pay(self, rows: Sequence[Withdrawal]) -> None:
        """Pay withdrawals with one transaction; where that cannot be done, with as few as can be."""
        payments = [(row.address, amount_of(row, self._asset)) for row in rows]
        try:
            signed = payment_build(self._node, payments, self._rate)
        except PaymentRefused as error:
            self._part(rows, str(error))
            return
        except (PaymentWrong, NotSigned) as error:
            log.error("a transaction for %d withdrawals was not what we asked for, they wait: %s", len(rows), error)
            self._put_aside(rows, str(error))
            self._free_forgotten()
            return
        refused = self._store(rows, signed)
        if refused is None:
            self._has_stored = True
            self._node.inputs_lock(signed.inputs)
            self._aside.take(row.pk for row in rows)
            for row in rows:
                say_over(f"payment of {row.pk}")
            return
        coins_give_back(self._asset, self._node, signed.inputs)
        has_kept = self._keep_doubtful(signed.inputs)
        for pk in refused:
            self._aside.put(pk)
        rest = [row for row in rows if row.pk not in refused]
        if (refused or has_kept) and rest:
            self.pay(rest)

    def _part(self, rows: Sequence[Withdrawal], why: str) -> None:
        """Go on with halves after a refusal, until those are left that cannot be paid."""
        if not self._has_freed:
            self._has_freed = True
            if self._free_forgotten():
                self.pay(rows)
                return
        spendable = sum(coin.satoshis for coin in self._node.coins())
        if self._has_stored and sum(amount_of(row, self._asset) for row in rows) > spendable:
            return  # the change of what was stored just now will be there once it is sent
        hopeless = [row for row in rows if len(rows) == 1 or amount_of(row, self._asset) > spendable]
        self._put_aside(hopeless, why)
        rest = [row for row in rows if row not in hopeless]
        if hopeless and rest:
            self.pay(rest)
        elif rest:
            middle = len(rest) // 2
            self.pay(rest[:middle])
            self.pay(rest[middle:])

    def _keep_young(self) -> None:
        self._young = coins_young(self._asset, self._node)
        self._node.inputs_lock_for_now(self._young)

    def _keep_doubtful(self, inputs: Sequence[Outpoint]) -> bool:
        """Keep from this round what a transaction that was not stored should not have spent; return whether it did."""
        doubtful = coins_doubtful(self._asset, inputs).difference(self._young)
        self._node.inputs_lock_for_now(sorted(doubtful))
        self._young.extend(doubtful)
        return bool(doubtful)

    def _free_forgotten(self) -> bool:
        """Free what dead signers had locked; return whether there is more to spend now."""
        freed = coins_free_forgotten(self._asset, self._node) - len(self._young)
        self._keep_young()
        return freed > 0

    def _put_aside(self, rows: Sequence[Withdrawal], why: str) -> None:
        for row in rows:
            self._aside.put(row.pk)
            if say_once(f"payment of {row.pk}", why):
                log.error("withdrawal %s waits, the hot wallet cannot pay it: %s", row.pk, why)

    def _store(self, rows: Sequence[Withdrawal], signed: SignedBitcoin) -> set[uuid.UUID] | None:
        """Store a transaction and return None; else those withdrawals that must not be signed for, if it is for them.

        It is not stored either when another signer has taken one of its coins: with a higher fee it would replace what
        pays other customers. Nor when another has set a coin free that is not final, or has raised the fee of what
        made it: the version that it is from is not to be mined.
        """
        with transaction.atomic():
            asset_lock(self._asset.pk)
            claimed = withdrawals_claim(row.pk for row in rows)
            refused = {row.pk for row in rows} - claimed.keys()
            if refused:
                return refused
            if not (coins_taken(self._asset) | set(self._young)).isdisjoint(signed.inputs):
                log.warning("%d withdrawals are built anew: a stored transaction has their coins", len(rows))
                return set()
            if coins_doubtful(self._asset, signed.inputs):
                log.warning("%d withdrawals are built anew: another version may take their coins away", len(rows))
                return set()
            record = ChainTransaction(
                asset=self._asset,
                fee_asset=self._asset,
                kind=Kind.WITHDRAWAL,
                txid=signed.txid,
                raw=signed.raw,
                recipient=rows[0].address if len(rows) == 1 else "",
                amount=sum(row.amount - row.fee for row in rows),
                fee_rate=self._rate,
                network_fee=signed.fee_satoshis,
            )
            withdrawals_signed(list(claimed.values()), record)
        return None


def amount_of(withdrawal: Withdrawal, asset: Asset) -> int:
    """Return the satoshis that are to arrive."""
    return units_to_chain(withdrawal.amount - withdrawal.fee, asset.chain_decimals)
