"""Many requests at once on one connection, and reads that follow writes."""

from tests.api.exchange import Exchange


def test_a_thousand_pipelined_orders_are_answered_in_order(exchange: Exchange) -> None:
    [trader] = exchange.traders(1)
    with exchange.ws_api(trader) as ws:
        order = {"symbol": "ETHBTC", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}
        frames = [
            {
                "id": number,
                "method": "order.place",
                "params": ws.signed({**order, "price": "0.03", "newClientOrderId": f"p{number}"}),
            }
            for number in range(1000)
        ]
        for frame in frames:
            ws.send(frame)
        replies = [ws.receive() for _ in frames]

        assert [reply["id"] for reply in replies] == list(range(1000))
        assert {reply["status"] for reply in replies} == {200}
        assert [reply["result"]["clientOrderId"] for reply in replies] == [f"p{n}" for n in range(1000)]
        ids = [reply["result"]["orderId"] for reply in replies]
        assert ids == sorted(ids)
        assert len(exchange.rest(trader).get("/api/v3/openOrders").json()) == 1000
        for number in ids:
            ws.ask("order.cancel", symbol="ETHBTC", orderId=number)
        canceled = [ws.receive() for _ in ids]
        assert [reply["result"]["orderId"] for reply in canceled] == ids
    assert exchange.rest(trader).balances()["BTC"] == ("10000.00000000", "0.00000000")


def test_reads_follow_writes(exchange: Exchange) -> None:
    maker, taker = exchange.traders(2)
    rest, other = exchange.rest(maker), exchange.rest(taker)
    for number in range(10):
        order = rest.order("BUY", "1", "0.05")
        assert rest.get("/api/v3/depth", symbol="ETHBTC").json()["bids"] == [["0.05000000", "1.00000000"]]
        assert rest.get("/api/v3/ticker/bookTicker", symbol="ETHBTC").json()["bidQty"] == "1.00000000"
        assert rest.get("/api/v3/order", symbol="ETHBTC", orderId=order["orderId"]).json()["status"] == "NEW"
        assert rest.balances()["BTC"][1] == "0.05000000"

        sold = other.order("SELL", "1", "0.05")

        trade = sold["fills"][0]["tradeId"]
        assert other.get("/api/v3/myTrades", symbol="ETHBTC").json()[-1]["id"] == trade
        assert rest.get("/api/v3/trades", symbol="ETHBTC", limit=1).json()[0]["id"] == trade
        assert rest.get("/api/v3/openOrders").json() == []
        assert rest.get("/api/v3/depth", symbol="ETHBTC").json()["bids"] == [], number
