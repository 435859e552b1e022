"""What we ask of bitcoind, in our own terms: satoshis as integers, wallet entries as structs."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import msgspec
from bitcoin.core import CTransaction, b2lx
from django.conf import settings

from wallets.chains.bitcoin_signing import transaction_sign
from wallets.chains.descriptors import Descriptor
from wallets.chains.jsonrpc import ChainRefused, JsonRpc
from wallets.chains.keys import bitcoin_descriptors, bitcoin_descriptors_of, bitcoin_signing_descriptors
from wallets.chains.ownership import strange_addresses
from wallets.chains.place import GONE, Place
from wallets.chains.psbt import Psbt
from wallets.chains.scripts import size_of
from wallets.chains.watch import History, WalletForeign, watch_wallet_open

DEPOSIT_LABEL = "deposit"
_SATOSHIS = 10**8
COINBASE_CONFIRMATIONS = 101
"""From here on a block may spend what a block paid to its miner: COINBASE_MATURITY of the consensus rules, and one."""
_COINBASE = ("immature", "generate")
_SCAN_TIMEOUT_S = 60.0  # the wallet's whole history in one answer, when the cursor is lost
_BATCH = 100

NOT_FOUND = -5
ALREADY_IN_CHAIN = -27
_UNDECIDED = (-25, -26, ALREADY_IN_CHAIN)
"""Refusals of a broadcast that do not mean failure: inputs spent (perhaps by this very transaction), policy, mined."""
_PARAMETER = -8
_PAYMENT_REFUSALS = (-3, -4, NOT_FOUND, _PARAMETER)
"""Of a payment: its amount, the coins for it, its address, or the same address twice."""
_FEE_FORGOTTEN = "Fee needed > fee paid"
"""What the wallet says of a payment with more than 252 inputs: it forgets that their count takes two bytes more."""
_RATE_MAX = 99_999_999
"""Satoshis per 1,000 vB: a node takes no ceiling of 1 BTC and more."""
FEE_SLACK_PERCENT = 105
"""What a fee may be of the ceiling times the size, which is only known once everything is signed."""


def rate_uneven(fee_rate: int) -> int:
    """Return the next rate, in satoshis per 1,000 vB, at which no input's fee is a whole number of satoshis.

    The wallet rounds the fee of each input (68 vB) up. Up to about 100 satoshis per vB that pays for two bytes.
    """
    return -(-fee_rate // 250) * 250 + 1


class Received(msgspec.Struct, frozen=True):
    """An output that pays an address of the wallet."""

    txid: str
    output: int
    address: str
    satoshis: int
    confirmations: int
    block_height: int | None
    block_hash: str
    is_coinbase: bool = False


class SignedBitcoin(msgspec.Struct, frozen=True):
    """A transaction ready to be stored and sent."""

    txid: str
    raw: str
    fee_satoshis: int
    inputs: tuple[tuple[str, int], ...]


class Coin(msgspec.Struct, frozen=True):
    """An output that the wallet can spend."""

    txid: str
    number: int
    satoshis: int
    confirmations: int
    descriptor: str = ""
    """That of its address, as the node tells it: it says by which seed it can be spent."""

    @property
    def outpoint(self) -> tuple[str, int]:
        """How transactions name it."""
        return self.txid, self.number


class PaymentRefused(Exception):
    """Raised when the wallet cannot pay something at the moment: too few coins, too small an amount, an address."""


def satoshis(amount: Decimal | int) -> int:
    """Return an amount of BTC in satoshis; it must be whole."""
    value = Decimal(amount) * _SATOSHIS
    whole = int(value)
    assert value == whole, f"{amount} BTC is not a whole number of satoshis"
    return whole


def inputs_of(raw: str) -> tuple[tuple[str, int], ...]:
    """Return the outputs that a transaction spends, as (txid, number)."""
    transaction = CTransaction.deserialize(bytes.fromhex(raw))
    return tuple((b2lx(item.prevout.hash), item.prevout.n) for item in transaction.vin)


def txid_of(raw: str) -> str:
    """Return the id of a transaction."""
    return str(b2lx(CTransaction.deserialize(bytes.fromhex(raw)).GetTxid()))


def psbt_sign(asked: Psbt) -> SignedBitcoin:
    """Return a transaction of our coins, signed as it was asked for, by this process. Signing workers only.

    Raises NotSigned when a coin is not ours or not described in full; KeysLocked in a process that does not sign.
    """
    raw = transaction_sign(asked, [Descriptor.parse(text) for text in bitcoin_signing_descriptors()])
    return SignedBitcoin(txid_of(raw), raw, asked.fee_satoshis, inputs_of(raw))


class BitcoinNode:
    """One wallet of a bitcoind. Every method may raise ChainUnavailable or ChainRefused."""

    def __init__(self, url: str | None = None, wallet: str | None = None) -> None:
        url = url or settings.BITCOIN_RPC_URL
        self.wallet = wallet or settings.BITCOIN_WALLET
        self.root = JsonRpc(url, path="/")
        self.rpc = JsonRpc(url, path=f"/wallet/{self.wallet}")
        self._slow = JsonRpc(url, path=f"/wallet/{self.wallet}", timeout_s=_SCAN_TIMEOUT_S)

    def wallet_open(self, history: Callable[[], History] = dict) -> None:
        """Have our watch-only wallet loaded, made at the first start. Raises KeysMissing or WalletForeign, too.

        `history` tells what it had watched before, if it has to be made again.
        """
        watch_wallet_open(self.root, self._slow, self.wallet, bitcoin_descriptors(), history)

    def tip(self) -> tuple[int, str]:
        """Return height and hash of the best block."""
        info = self.root.call("getblockchaininfo")
        return int(info["blocks"]), str(info["bestblockhash"])

    def height_in_chain(self, block_hash: str) -> int | None:
        """Return the height of a block, or None when it is not (or no longer) in the best chain."""
        try:
            header = self.root.call("getblockheader", block_hash)
        except ChainRefused as refusal:
            if refusal.code != NOT_FOUND:
                raise
            return None
        return int(header["height"]) if header["confirmations"] >= 1 else None

    def block_hashes(self, heights: Sequence[int]) -> dict[int, str]:
        """Return the hashes of blocks; of those that there are."""
        found: dict[int, str] = {}
        answers = self.root.batch("getblockhash", [[height] for height in heights])
        for height, answer in zip(heights, answers, strict=True):
            if not isinstance(answer, ChainRefused):
                found[height] = str(answer)
            elif answer.code != _PARAMETER:
                raise answer
        return found

    def received_since(self, block_hash: str, depth: int) -> tuple[list[Received], str]:
        """Return what the wallet received since a block ("" for ever), and the block, `depth` deep, to ask from next.

        Unconfirmed outputs are always listed; what another spend or block took away never: `places` tells of those.
        """
        if block_hash:
            try:
                answer = self._slow.call("listsinceblock", block_hash, depth, False, True, False)
            except ChainRefused as refusal:
                if refusal.code != NOT_FOUND:
                    raise
                block_hash = ""  # the node was restored or re-indexed: everything again, which is harmless
        if not block_hash:
            answer = self._slow.call("listsinceblock", "", depth, False, True, False)
        # `removed` means "look again", never "take back": `places` looks.
        entries = [entry for entry in answer["transactions"] if entry["category"] in ("receive", *_COINBASE)]
        return [_received(entry) for entry in entries], str(answer["lastblock"])

    def places(self, txids: Sequence[str]) -> dict[str, Place]:
        """Return where each wallet transaction is; one that the wallet does not know is GONE."""
        found: dict[str, Place] = {}
        for start in range(0, len(txids), _BATCH):
            chunk = txids[start : start + _BATCH]
            for txid, answer in zip(chunk, self.rpc.batch("gettransaction", [[txid] for txid in chunk]), strict=True):
                if isinstance(answer, ChainRefused):
                    if answer.code != NOT_FOUND:
                        raise answer
                    found[txid] = GONE
                else:
                    found[txid] = _place(answer)
        return found

    def addresses_new(self, count: int, generation: int = -1) -> list[str]:
        """Return new deposit addresses. Raises WalletForeign, too, when they are not of this generation's keys."""
        # The type is named because some builds fall back to legacy addresses whatever the node was told.
        answers = self.rpc.batch("getnewaddress", [[DEPOSIT_LABEL, settings.BITCOIN_ADDRESS_TYPE]] * count)
        for answer in answers:
            if isinstance(answer, ChainRefused):
                raise answer
        addresses = [str(answer) for answer in answers]
        self._addresses_check(addresses, generation)
        return addresses

    def _addresses_check(self, addresses: Sequence[str], generation: int) -> None:
        told = self.rpc.batch("getaddressinfo", [[address] for address in addresses])
        for answer in told:
            if isinstance(answer, ChainRefused):
                raise answer
        pairs = [(address, str(answer.get("desc", ""))) for address, answer in zip(addresses, told, strict=True)]
        strange = strange_addresses(pairs, bitcoin_descriptors_of(generation))
        if strange:
            raise WalletForeign(
                f"the Bitcoin node gave {strange[0]}, which is not of our keys (the newest): it is not handed out"
            )

    def payment_fund(
        self,
        outputs: Sequence[tuple[str, int]],
        fee_rate: int,
        *,
        inputs: Sequence[tuple[str, int]] = (),
        confirmations: int = 1,
        is_whole: bool = False,
    ) -> str:
        """Return a PSBT that pays satoshis to addresses, for satoshis per 1,000 vB; its coins are locked in the wallet.

        It spends `inputs`, and whatever coins with `confirmations` are needed beside them; without any, also our own
        change that is not confirmed. `is_whole`: just the inputs, and the fee is taken out of the one output.

        Raises PaymentRefused.
        """
        options: dict[str, object] = {"fee_rate": Decimal(fee_rate) / 1000, "lockUnspents": True, "replaceable": True}
        options |= {"change_type": "bech32", "add_inputs": not is_whole}
        if is_whole:
            options["subtractFeeFromOutputs"] = [0]
        elif inputs:
            # Never the change of the very transaction that this one replaces.
            options["minconf"] = max(confirmations, 1)
        spent: list[dict[str, object]] = [{"txid": txid, "vout": number} for txid, number in inputs]
        paid = [{address: Decimal(amount) / _SATOSHIS} for address, amount in outputs]
        try:
            return self._fund(spent, paid, options)
        except PaymentRefused as refusal:
            if _FEE_FORGOTTEN not in str(refusal):
                raise
        return self._fund(spent, paid, options | {"fee_rate": Decimal(rate_uneven(fee_rate)) / 1000})

    def _fund(self, spent: list[dict[str, object]], paid: list[dict[str, Decimal]], options: dict[str, object]) -> str:
        try:
            return str(self.rpc.call("walletcreatefundedpsbt", spent, paid, 0, options)["psbt"])
        except ChainRefused as refusal:
            if refusal.code in _PAYMENT_REFUSALS:
                raise PaymentRefused(refusal.message) from refusal
            raise

    def inputs_lock(self, inputs: Sequence[tuple[str, int]]) -> None:
        """Keep the wallet from spending these outputs again, also after its restart. Spent ones are left alone."""
        self._lock([[False, [{"txid": txid, "vout": number}], True] for txid, number in inputs])

    def inputs_lock_for_now(self, inputs: Sequence[tuple[str, int]]) -> None:
        """Keep the wallet from spending these outputs until they are unlocked, or the node stops."""
        self._lock([[False, [{"txid": txid, "vout": number}]] for txid, number in inputs])

    def inputs_unlock(self, inputs: Sequence[tuple[str, int]]) -> int:
        """Give outputs back that nothing stored will spend; return how many can be spent again."""
        return self._lock([[True, [{"txid": txid, "vout": number}]] for txid, number in inputs])

    def _lock(self, calls: Sequence[Sequence[object]]) -> int:
        done = 0
        for start in range(0, len(calls), _BATCH):
            for answer in self.rpc.batch("lockunspent", calls[start : start + _BATCH]):
                # Refused for a parameter: spent already by the transaction that it is kept for, or not locked any more.
                if not isinstance(answer, ChainRefused):
                    done += 1
                elif answer.code != _PARAMETER:
                    raise answer
        return done

    def inputs_locked(self) -> set[tuple[str, int]]:
        """Return the outputs that are locked."""
        return {(str(item["txid"]), int(item["vout"])) for item in self.rpc.call("listlockunspent")}

    def coins(self, confirmations: int = 0, confirmations_max: int = 9_999_999) -> list[Coin]:
        """Return what the wallet can spend now: confirmed, or its own change; nothing that is locked."""
        items = self._slow.call("listunspent", confirmations, confirmations_max, [], False)
        return [
            Coin(
                str(item["txid"]),
                int(item["vout"]),
                satoshis(item["amount"]),
                int(item["confirmations"]),
                str(item.get("desc", "")),
            )
            for item in items
        ]

    def change_address(self) -> str:
        """Return a new address of our own, where no deposit is expected."""
        return str(self.rpc.call("getrawchangeaddress", "bech32"))

    def fee_estimate(self, blocks: int) -> int | None:
        """Return the rate to be mined within so many blocks, in satoshis per 1,000 vB; None if the node knows none."""
        rate = self.root.call("estimatesmartfee", blocks).get("feerate")
        return None if rate is None else satoshis(rate)

    def fee_minimum(self) -> int:
        """Return the fee rate below which the node keeps nothing at the moment, in satoshis per 1,000 vB."""
        info = self.root.call("getmempoolinfo")
        return max(satoshis(info["mempoolminfee"]), satoshis(info["minrelaytxfee"]))

    def pending(self, txids: Sequence[str]) -> set[str]:
        """Return those transactions that wait in the node's mempool."""
        return set(self._waiting(txids))

    def _waiting(self, txids: Sequence[str]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for start in range(0, len(txids), _BATCH):
            chunk = txids[start : start + _BATCH]
            answers = self.root.batch("getmempoolentry", [[txid] for txid in chunk])
            for txid, answer in zip(chunk, answers, strict=True):
                if not isinstance(answer, ChainRefused):
                    found[txid] = answer
                elif answer.code != NOT_FOUND:
                    raise answer
        return found

    def tip_time_s(self) -> int:
        """Return when the newest block was made, in seconds since 1970; its miner says so."""
        return int(self.root.call("getblockheader", self.tip()[1])["time"])

    def broadcast(self, raw: str) -> str:
        """Send a stored transaction; return "" when the node has it, else why that is not sure.

        The node refuses one that pays more than our ceiling for itself and what waits before it.
        """
        # Signatures are a few bytes shorter than what the wallet reckons with, so the true rate is a little higher.
        highest = settings.BITCOIN_FEE_CEILING * FEE_SLACK_PERCENT * 10
        complaint = self._send(raw, highest)
        if complaint:
            # It may make up for what waits before it and pays too little.
            size, (before, paid) = size_of(raw), self._waiting_before(raw)
            together = (highest * (size + before) - 1000 * paid) // size
            if together > highest:
                complaint = self._send(raw, min(together, _RATE_MAX))
        return complaint

    def _send(self, raw: str, highest: int) -> str:
        """Send a transaction that pays this rate at most, in satoshis per 1,000 vB; return "" or the complaint."""
        try:
            self.root.call("sendrawtransaction", raw, Decimal(highest) / _SATOSHIS)
        except ChainRefused as refusal:
            if refusal.code == ALREADY_IN_CHAIN:
                return ""
            if refusal.code in _UNDECIDED:
                return refusal.message
            raise
        return ""

    def _waiting_before(self, raw: str) -> tuple[int, int]:
        """Return size and fee of what waits in the mempool before a transaction; what two ways lead to counts twice."""
        entries = self._waiting(sorted({txid for txid, _ in inputs_of(raw)})).values()
        size = sum(int(entry["ancestorsize"]) for entry in entries)
        return size, sum(satoshis(entry["fees"]["ancestor"]) for entry in entries)


def _received(entry: dict[str, Any]) -> Received:
    return Received(
        txid=entry["txid"],
        output=entry["vout"],
        address=entry.get("address", ""),
        satoshis=satoshis(entry["amount"]),
        confirmations=entry["confirmations"],
        block_height=entry.get("blockheight"),
        block_hash=entry.get("blockhash", ""),
        is_coinbase=entry["category"] in _COINBASE,
    )


def _place(answer: dict[str, Any]) -> Place:
    confirmations = int(answer["confirmations"])
    if answer.get("generated") and confirmations < 1:
        return GONE  # it was paid by a block that is in no chain: no other one can have it
    return Place(confirmations, answer.get("blockheight"), answer.get("blockhash", ""))
