"""Two people with two browsers do everything an exchange is for: deposit, trade with each other, withdraw."""

import json
import os
import secrets
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from eth_account import Account

from mex.money import fee_of, format_short, format_units, notional, parse_units, units_to_chain
from tests.e2e.conftest import RunningServer
from tests.e2e.visitor import Visitor
from tests.e2e.waiting import wait_for
from trading.client.rest import RestClient
from wallets.chains.bitcoin import BitcoinNode, satoshis
from wallets.chains.ethereum import EthereumNode
from wallets.chains.local import faucet_node

UNITS = 10**8
TICK = 1_000
MAKER_PPM, TAKER_PPM = 1_000, 2_000
FEES = {"BTC": 2_000, "ETH": 50_000}
DEPOSIT_TIMEOUT_S = 120.0
WITHDRAWAL_TIMEOUT_S = 180.0
QUANTITY = UNITS


def test_two_people_deposit_trade_with_each_other_and_withdraw(
    instance: RunningServer, new_visitor: Callable[[], Visitor]
) -> None:
    ann, ben = new_visitor(), new_visitor()
    for visitor, name in ((ann, "ann"), (ben, "ben")):
        email = f"{name}-{secrets.token_hex(4)}@example.com"
        visitor.register(email)
        assert visitor.path == "/balances"
        assert visitor.see("#account-email") == email

    # Each gets coins from the faucet, and watches them come.
    with stopped(instance.pids()["miner"]):  # the one block that is needed may come before the page does
        press_faucet(ann, "BTC", "2")
        ann.see("[data-row^=deposit-] [data-confirmations]", "0/1")
    press_faucet(ben, "ETH", "10")
    watch_credit(ann, needed=1)
    watch_credit(ben, needed=12)

    # They trade with each other: Ben's price is better than the market maker's.
    for visitor in (ann, ben):
        visitor.open("/trade/ETHBTC")
        visitor.see("[data-live]", "Live")
        visitor.mark()
    price = price_inside_the_spread(instance)
    cost = notional(price, QUANTITY)
    show_price = f"{price / UNITS:.5f}"
    order(ben, "sell", "limit", price=format_short(price), quantity="1")
    ben.see_row("#orders tr", "Sell", "Limit", show_price, "1.000")
    ben.see_exactly("#balances [data-asset=ETH] [data-locked]", "1.00000000")
    ben.see_exactly("#balances [data-asset=ETH] [data-free]", "9.00000000")
    ann.see_row("#asks tr", show_price, "1.000")
    order(ann, "buy", "market", quantity="1")
    ann.see(".note-toast", "Order filled")
    ben.see(".note-toast", "Order filled")
    ben.see_gone("#orders tr")
    for visitor in (ann, ben):
        visitor.see_row("#trades tr:first-child", show_price, "1.000")
        visitor.see_exactly("#last-price", show_price)
    ann_has = {"BTC": 2 * UNITS - cost, "ETH": QUANTITY - fee_of(QUANTITY, TAKER_PPM)}
    ben_has = {"BTC": cost - fee_of(cost, MAKER_PPM), "ETH": 10 * UNITS - QUANTITY}
    for visitor, has in ((ann, ann_has), (ben, ben_has)):
        see_balances(visitor, has)

    # An order that nobody takes is canceled by its button.
    order(ann, "buy", "limit", price="0.01", quantity="2")
    ann.see_row("#orders tr", "Buy", "0.01000", "2.000")
    see_balances(ann, ann_has, in_orders={"BTC": notional(UNITS // 100, 2 * UNITS)})
    ann.click("#orders tr button")
    ann.see_gone("#orders tr")
    see_balances(ann, ann_has)
    assert ann.is_marked()
    assert ben.is_marked()

    # Both withdraw what they bought, and the nodes say that it arrived.
    bitcoin, ethereum = nodes(instance)
    ann_address = str(Account.create().address)
    ben_address = str(bitcoin.rpc.call("getnewaddress", "", "bech32"))
    ask_withdrawal(ann, "ETH", ann_address, "0.75")
    ask_withdrawal(ben, "BTC", ben_address, "0.02")
    watch_confirmation(ben)
    watch_confirmation(ann)
    ben_net, ann_net = parse_units("0.02") - FEES["BTC"], parse_units("0.75") - FEES["ETH"]
    assert satoshis(bitcoin.rpc.call("getreceivedbyaddress", ben_address, 1)) == ben_net
    assert ethereum.balances([ann_address])[ann_address] == units_to_chain(ann_net, 18)
    ann.see_exactly("[data-asset=ETH] [data-free]", format_units(ann_has["ETH"] - parse_units("0.75")))
    ben.see_exactly("[data-asset=BTC] [data-free]", format_units(ben_has["BTC"] - parse_units("0.02")))

    assert ann.console() == []
    assert ben.console() == []
    audit = instance.manage("audit", "--json")
    assert audit.returncode == 0, audit.stdout
    assert {check["status"] for check in json.loads(audit.stdout)["checks"]} == {"ok"}


def press_faucet(visitor: Visitor, asset: str, amount: str) -> None:
    """Ask the faucet on the deposit page, and keep an eye on the deposit from then on."""
    visitor.open(f"/deposit/{asset}")
    visitor.see("main", "Test coins only, worth nothing")
    visitor.see("#deposit-address")
    visitor.submit(amount=amount)
    assert visitor.path == f"/deposit/{asset}"
    visitor.watch("[data-row^=deposit-]")
    visitor.mark()
    assert f"Test {asset} is on its way to your address." in visitor.source()


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Keep a process from going on meanwhile."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def watch_credit(visitor: Visitor, *, needed: int) -> None:
    """See one deposit come in early, count up and end as credited, without a reload."""
    history = see_end(visitor, "credited", DEPOSIT_TIMEOUT_S)
    counts = counts_in(history, needed)
    assert counts[0] <= needed // 3, f"the deposit was shown late: {history}"
    assert counts == sorted(counts), history
    assert history[-1] == ("credited", f"{needed}/{needed}")
    assert len(set(counts)) >= min(needed, 4), f"the deposit did not count up live: {history}"
    assert len(visitor.find("[data-row^=deposit-]")) == 1


def ask_withdrawal(visitor: Visitor, asset: str, address: str, amount: str) -> None:
    """Fill in the withdrawal form, which shows the fee before, and keep an eye on the withdrawal from then on."""
    visitor.open(f"/withdraw/{asset}")
    visitor.see("[data-live]", "Live")
    visitor.fill("#id_amount", amount)
    visitor.see_exactly("#will-receive", format_units(parse_units(amount) - FEES[asset]))
    visitor.submit(address=address, amount=amount)
    visitor.watch("[data-row^=withdrawal-]")
    visitor.mark()


def watch_confirmation(visitor: Visitor) -> None:
    """See one withdrawal end as confirmed, without a reload."""
    history = see_end(visitor, "confirmed", WITHDRAWAL_TIMEOUT_S)
    steps = ["requested", "held", "signed", "broadcast", "confirmed"]
    seen = [status for status, _ in history]
    assert [steps.index(status) for status in seen] == sorted(steps.index(status) for status in seen), history
    assert len(visitor.find("[data-row^=withdrawal-]")) == 1


def see_end(visitor: Visitor, status: str, timeout_s: float) -> list[tuple[str, str]]:
    """Wait until the watched row has this status on the page that was marked, and return its history."""
    wait_for(
        f"the status {status} on {visitor.path}",
        lambda: any(one == status for one, _ in visitor.history()),
        timeout_s=timeout_s,
    )
    assert visitor.is_marked()
    return visitor.history()


def counts_in(history: list[tuple[str, str]], needed: int) -> list[int]:
    """Return the confirmations of each state, "3/12" as 3."""
    parts = [confirmations.split("/") for _, confirmations in history]
    assert {int(total) for _, total in parts} == {needed}
    return [int(count) for count, _ in parts]


def order(visitor: Visitor, side: str, kind: str, *, quantity: str, price: str = "") -> None:
    """Fill in the order form and send it."""
    visitor.click(f"label[for=side-{side}]")
    visitor.click(f"label[for=type-{kind}]")
    if price:
        visitor.fill("#price", price)
    visitor.fill("#quantity", quantity)
    visitor.click("#place")


def see_balances(visitor: Visitor, has: dict[str, int], in_orders: dict[str, int] | None = None) -> None:
    """Wait until the trade page shows what somebody has, and what of it is in orders."""
    for asset, units in has.items():
        held = (in_orders or {}).get(asset, 0)
        visitor.see_exactly(f"#balances [data-asset={asset}] [data-free]", format_units(units - held))
        visitor.see_exactly(f"#balances [data-asset={asset}] [data-locked]", format_units(held))


def price_inside_the_spread(instance: RunningServer) -> int:
    """Return the price in the middle between the market maker's best bid and ask, once there are both."""
    api = RestClient(instance.url)

    def look() -> tuple[int, int] | None:
        book = api.public("/api/v3/depth", symbol="ETHBTC", limit="5")
        if not (book["bids"] and book["asks"]):
            return None
        return parse_units(book["bids"][0][0]), parse_units(book["asks"][0][0])

    bid, ask = wait_for("the market maker's quotes", look, timeout_s=120)
    price = (bid + ask) // 2 // TICK * TICK
    assert bid < price < ask
    return price


def nodes(instance: RunningServer) -> tuple[BitcoinNode, EthereumNode]:
    """Return the faucet's wallet, which is not the exchange's, and the Ethereum node."""
    urls = instance.settings()
    return faucet_node(urls["BITCOIN_RPC_URL"]), EthereumNode(urls["ETHEREUM_RPC_URL"])
