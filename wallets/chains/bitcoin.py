"""What we ask of bitcoind, in our own terms: satoshis as integers, wallet entries as structs."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
from bitcoin.core import CTransaction, b2lx
from django.conf import settings

from wallets.chains.jsonrpc import ChainRefused, JsonRpc
from wallets.chains.place import GONE, Place

DEPOSIT_LABEL = "deposit"
_SATOSHIS = 10**8
_SCAN_TIMEOUT_S = 60.0  # the wallet's whole history in one answer, when the cursor is lost
_BATCH = 100

NOT_FOUND = -5
ALREADY_IN_CHAIN = -27
_UNDECIDED = (-25, -26, ALREADY_IN_CHAIN)
"""Refusals of a broadcast that do not mean failure: inputs spent (perhaps by this very transaction), policy, mined."""
_WALLET_ERROR = -4
_ALREADY_LOADED = -35
_NO_SUCH_WALLET = -18


class Received(msgspec.Struct, frozen=True):
    """An output that pays an address of the wallet."""

    txid: str
    output: int
    address: str
    satoshis: int
    confirmations: int
    block_height: int | None
    block_hash: str


class SignedBitcoin(msgspec.Struct, frozen=True):
    """A transaction ready to be stored and sent."""

    txid: str
    raw: str
    fee_satoshis: int
    inputs: tuple[tuple[str, int], ...]


class HotWalletShort(Exception):
    """Raised when the hot wallet cannot pay a withdrawal at the moment."""


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


class BitcoinNode:
    """One wallet of a bitcoind. Every method may raise ChainUnavailable or ChainRefused."""

    def __init__(self, url: str | None = None, wallet: str | None = None) -> None:
        url = url or settings.BITCOIN_RPC_URL
        self.wallet = wallet or settings.BITCOIN_WALLET
        self.root = JsonRpc(url, path="/")
        self.rpc = JsonRpc(url, path=f"/wallet/{self.wallet}")
        self._slow = JsonRpc(url, path=f"/wallet/{self.wallet}", timeout_s=_SCAN_TIMEOUT_S)

    def wallet_open(self) -> None:
        """Load the wallet, or make it at the first start."""
        try:
            self.root.call("loadwallet", filename=self.wallet, load_on_startup=True)
        except ChainRefused as refusal:
            if refusal.code == _ALREADY_LOADED:
                return
            if refusal.code != _NO_SUCH_WALLET:
                raise
            self._wallet_create()

    def _wallet_create(self) -> None:
        try:
            self.root.call("createwallet", wallet_name=self.wallet, load_on_startup=True, repeatable=False)
        except ChainRefused as refusal:
            # Another process made it between our two calls.
            if refusal.code != _WALLET_ERROR or self.wallet not in self.root.call("listwallets"):
                raise

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

    def received_since(self, block_hash: str, depth: int) -> tuple[list[Received], str]:
        """Return what the wallet received since a block ("" for ever), and the block, `depth` deep, to ask from next.

        Unconfirmed outputs are always listed; conflicting ones never: `places` tells of those.
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
        entries = [entry for entry in answer["transactions"] if entry["category"] == "receive"]
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

    def addresses_new(self, count: int) -> list[str]:
        """Return new deposit addresses."""
        # The type is named because some builds fall back to legacy addresses whatever the node was told.
        answers = self.rpc.batch("getnewaddress", [[DEPOSIT_LABEL, "bech32"]] * count)
        for answer in answers:
            if isinstance(answer, ChainRefused):
                raise answer
        return [str(answer) for answer in answers]

    def payment_sign(self, address: str, amount: int, fee_rate: int) -> SignedBitcoin:
        """Return a signed payment of `amount` satoshis that nobody has seen yet; its inputs are locked in the wallet.

        Raises HotWalletShort when the wallet has too little that is confirmed or its own change.
        """
        options = {"fee_rate": fee_rate, "lockUnspents": True, "replaceable": True, "change_type": "bech32"}
        outputs = [{address: Decimal(amount) / _SATOSHIS}]
        try:
            funded = self.rpc.call("walletcreatefundedpsbt", [], outputs, 0, options)
        except ChainRefused as refusal:
            if refusal.code == _WALLET_ERROR:
                raise HotWalletShort(refusal.message) from refusal
            raise
        signed = self.rpc.call("walletprocesspsbt", funded["psbt"])
        assert signed["complete"], "the wallet could not sign what it funded itself"
        raw = str(signed["hex"])
        return SignedBitcoin(txid_of(raw), raw, satoshis(funded["fee"]), inputs_of(raw))

    def inputs_lock(self, inputs: Sequence[tuple[str, int]]) -> None:
        """Keep the wallet from spending these outputs again, also after its restart. Spent ones are left alone."""
        for txid, number in inputs:
            try:
                self.rpc.call("lockunspent", False, [{"txid": txid, "vout": number}], True)
            except ChainRefused as refusal:
                if refusal.code != -8:  # -8: spent already, by the transaction that we keep it for
                    raise

    def inputs_unlock(self, inputs: Sequence[tuple[str, int]]) -> None:
        """Give outputs back that nothing stored will spend."""
        for txid, number in inputs:
            try:
                self.rpc.call("lockunspent", True, [{"txid": txid, "vout": number}])
            except ChainRefused as refusal:
                if refusal.code != -8:
                    raise

    def inputs_locked(self) -> set[tuple[str, int]]:
        """Return the outputs that are locked."""
        return {(str(item["txid"]), int(item["vout"])) for item in self.rpc.call("listlockunspent")}

    def broadcast(self, raw: str) -> str:
        """Send a stored transaction; return "" when the node has it, else why that is not sure."""
        try:
            self.root.call("sendrawtransaction", raw)
        except ChainRefused as refusal:
            if refusal.code == ALREADY_IN_CHAIN:
                return ""
            if refusal.code in _UNDECIDED:
                return refusal.message
            raise
        return ""


def _received(entry: dict[str, Any]) -> Received:
    return Received(
        txid=entry["txid"],
        output=entry["vout"],
        address=entry.get("address", ""),
        satoshis=satoshis(entry["amount"]),
        confirmations=entry["confirmations"],
        block_height=entry.get("blockheight"),
        block_hash=entry.get("blockhash", ""),
    )


def _place(answer: dict[str, Any]) -> Place:
    return Place(int(answer["confirmations"]), answer.get("blockheight"), answer.get("blockhash", ""))
