"""Who may do what: signatures, the time window, keys and their permissions."""

from urllib.parse import quote, urlencode

import pytest

from accounts import authentication
from accounts.authentication import Caller, Credential, authenticate, check_signature, frame_texts, http_texts
from mex.errors import MexError, SignatureInvalid
from mex.params import Params
from tests.api.client import Trader, now_ms, sign
from tests.api.exchange import Exchange

SECRET = b"mexSecretForDocs0001"
CALLER = Caller(account=1, can_trade=True, can_withdraw=False)
NOW = 1_790_000_000_123
ORDER = "timeInForce=GTC&quantity=1.2&price=0.0521&recvWindow=5000&timestamp=1790000000123"
WS_ORDER = {
    "apiKey": "mexKeyForDocs0001",
    "newOrderRespType": "FULL",
    "price": "0.0521",
    "quantity": "1.2",
    "recvWindow": "5000",
    "returnRateLimits": "false",
    "side": "BUY",
    "symbol": "ETHBTC",
    "timeInForce": "GTC",
    "timestamp": "1790000000123",
    "type": "LIMIT",
}
VECTORS = [
    (
        "query",
        http_texts(f"symbol=ETHBTC&side=BUY&type=LIMIT&{ORDER}", ""),
        "747954d72a0dc528eaeaaecc7c13c232e3859ccdb8172a8335c800b057286f2a",
    ),
    (
        "query and body",
        http_texts("symbol=ETHBTC&side=BUY&type=LIMIT", ORDER),
        "1139fc2641bd85dc407b90e259926fe215b49a4f3b4ed40224c640ab73b633d5",
    ),
    ("websocket", frame_texts(WS_ORDER), "2892f815efed401d075cd100e6b548a23ba66aa48115f92c1a448a7054830aab"),
    (
        "subscribe",
        frame_texts({"timestamp": "1790000000123", "apiKey": "mexKeyForDocs0001"}),
        "0f1ebda4fba4eb5764a9de1ecaacb55eb5ccd599dd129320000f7c3b63471be6",
    ),
]


@pytest.mark.parametrize(("label", "texts", "signature"), VECTORS, ids=[row[0] for row in VECTORS])
def test_the_published_vectors_are_accepted(label: str, texts: list[str], signature: str) -> None:
    check_signature(SECRET, signature, texts)
    check_signature(SECRET, signature.upper(), texts)

    wrong = signature[:-1] + ("0" if signature[-1] != "0" else "1")
    for bad in (wrong, "", "ä", signature[:-1], "0" * 64):
        with pytest.raises(SignatureInvalid):
            check_signature(SECRET, bad, texts)


@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_the_signature_may_stand_anywhere(place: str) -> None:
    pairs = ["a=1", "b=2"]
    pairs.insert({"first": 0, "middle": 1, "last": 2}[place], "signature=x")

    assert http_texts("&".join(pairs), "")[0] == "a=1&b=2"
    assert http_texts("c=3", "&".join(pairs))[0] == "c=3a=1&b=2"


ADDRESS, TAG = "bitcoincash:qp3wjpa3tjlj042z2wv7hahsldgwhwy0rq9sywjpyy", "memo one/two"
SPECIAL = {"coin": "BTC", "address": ADDRESS, "addressTag": TAG}
PLAIN = f"coin=BTC&address={ADDRESS}&addressTag={TAG}"


@pytest.mark.parametrize(
    ("signed", "sent"),
    [
        (PLAIN, PLAIN),
        (PLAIN, urlencode(SPECIAL)),
        (PLAIN, urlencode(SPECIAL, quote_via=quote)),
        (urlencode(SPECIAL), urlencode(SPECIAL)),
        (urlencode(SPECIAL, quote_via=quote), urlencode(SPECIAL, quote_via=quote)),
        (urlencode(SPECIAL), PLAIN.replace(" ", "%20")),
    ],
    ids=["raw", "signed raw, sent encoded", "the same with %20", "encoded", "encoded with %20", "sent half encoded"],
)
def test_special_characters_are_accepted_as_clients_sign_them(signed: str, sent: str) -> None:
    check_signature(SECRET, sign(SECRET.decode(), signed), http_texts(sent, ""))
    check_signature(SECRET, sign(SECRET.decode(), signed), http_texts("", sent))


@pytest.mark.parametrize("value", ["1&price=2", "x=y"])
def test_a_decoded_form_must_not_move_the_boundary_between_parameters(value: str) -> None:
    sent = urlencode({"newClientOrderId": value})

    assert http_texts(sent, "") == [sent]
    assert list(frame_texts({"newClientOrderId": value})) == [sent]


TIMES = [
    ("now", NOW, None, 0),
    ("at the end of the default window", NOW - 5000, None, 0),
    ("after the default window", NOW - 5001, None, -1021),
    ("almost a second ahead", NOW + 999, None, 0),
    ("a second ahead", NOW + 1000, None, -1021),
    ("microseconds", NOW * 1000, None, 0),
    ("old microseconds", (NOW - 5001) * 1000, None, -1021),
    ("at the end of a wide window", NOW - 60000, "60000", 0),
    ("a window that is too wide", NOW, "60001", -1131),
    ("too wide by a thousandth", NOW, "60000.001", -1131),
    ("decimals", NOW - 10, "10.125", 0),
    ("decimals, outside", NOW - 11, "10.125", -1021),
    ("four decimals", NOW, "10.1250", -1100),
    ("a digit that is not ASCII", NOW, "5000.²", -1100),
    ("a negative window", NOW, "-1", -1100),
    ("a window of words", NOW, "long", -1100),
    ("an exponent", NOW, "1e3", -1100),
    ("no window at all", NOW - 5000, "", 0),
    ("a timestamp of words", "soon", None, -1100),
    ("a negative timestamp", "-1", None, -1100),
    ("a huge timestamp", "9" * 40, None, -1100),
    ("a timestamp above 64 bits", "9" * 19, None, -1130),
    ("no timestamp", "", None, -1102),
]


@pytest.mark.parametrize(("label", "timestamp", "window", "code"), TIMES, ids=[row[0] for row in TIMES])
def test_the_time_window(
    monkeypatch: pytest.MonkeyPatch, label: str, timestamp: object, window: str | None, code: int
) -> None:
    monkeypatch.setattr(authentication, "now_ms", lambda: NOW)
    texts = {"timestamp": str(timestamp)} | ({"recvWindow": window} if window is not None else {})
    text = urlencode(texts)
    params = Params({**texts, "signature": sign(SECRET.decode(), text)})

    if code:
        with pytest.raises(MexError) as raised:
            authenticate(Credential(CALLER, SECRET), params, [text])
        assert raised.value.code == code
    else:
        assert authenticate(Credential(CALLER, SECRET), params, [text]) == CALLER


def test_a_key_is_looked_at_before_the_time_and_the_time_before_the_signature() -> None:
    late = Params({"timestamp": "1", "signature": "bad"})

    with pytest.raises(MexError) as unknown:
        authenticate(None, late, [])
    with pytest.raises(MexError) as stale:
        authenticate(Credential(CALLER, SECRET), late, [])

    assert (unknown.value.code, unknown.value.status) == (-2015, 401)
    assert stale.value.message == "Timestamp for this request is outside of the recvWindow."


def signed(trader: Trader, **params: object) -> str:
    """Return a signed query."""
    query = urlencode({"timestamp": now_ms(), "recvWindow": 30000, **params})
    return f"{query}&signature={sign(trader.secret, query)}"


def test_rest_says_what_is_wrong_with_a_signature(exchange: Exchange) -> None:
    [trader] = exchange.traders(1)
    rest = exchange.rest(trader)
    good = signed(trader)
    old = urlencode({"timestamp": now_ms() - 6000})
    ahead = urlencode({"timestamp": now_ms() + 5000})
    illegal = {"code": -2014, "msg": "API-key format invalid."}
    unknown = {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}
    missing = "Mandatory parameter '{}' was not sent, was empty/null, or malformed."
    cases = [
        ("no key", good, {"X-MBX-APIKEY": ""}, 401, illegal),
        ("a key of other characters", good, {"X-MBX-APIKEY": "a b"}, 401, illegal),
        ("a key that is too long", good, {"X-MBX-APIKEY": "a" * 129}, 401, illegal),
        ("a key that nobody has", good, {"X-MBX-APIKEY": "a" * 64}, 401, unknown),
        ("wrong", good[:-1] + "x", {}, 400, {"code": -1022, "msg": "Signature for this request is not valid."}),
        ("something added", good + "&a=1", {}, 400, {"code": -1022, "msg": "Signature for this request is not valid."}),
        ("no signature", good.partition("&signature")[0], {}, 400, {"code": -1102, "msg": missing.format("signature")}),
        ("no timestamp", "signature=1", {}, 400, {"code": -1102, "msg": missing.format("timestamp")}),
        (
            "old",
            f"{old}&signature={sign(trader.secret, old)}",
            {},
            400,
            {"code": -1021, "msg": "Timestamp for this request is outside of the recvWindow."},
        ),
        (
            "ahead",
            f"{ahead}&signature={sign(trader.secret, ahead)}",
            {},
            400,
            {"code": -1021, "msg": "Timestamp for this request was 1000ms ahead of the server's time."},
        ),
    ]
    for label, query, headers, status, body in cases:
        answer = rest.call("GET", "/api/v3/account", query=query, headers=headers)
        assert (answer.status_code, answer.json()) == (status, body), label
    assert rest.call("GET", "/api/v3/account", query=good).status_code == 200


@pytest.mark.parametrize("content_type", ["application/json", "", "text/plain", "application/octet-stream; x=é"])
def test_a_body_is_urlencoded_whatever_its_type_says(exchange: Exchange, content_type: str) -> None:
    [trader] = exchange.traders(1)
    body = signed(trader, symbol="ETHBTC", side="BUY", type="LIMIT_MAKER", quantity="1", price="0.02")

    answer = exchange.rest(trader).call(
        "POST", "/api/v3/order", body=body, headers={"Content-Type": content_type} if content_type else {}
    )

    assert answer.status_code == 200, answer.text
    assert answer.json()["orderId"] > 0


def test_parameters_may_be_split_and_the_query_wins(exchange: Exchange) -> None:
    [trader] = exchange.traders(1)
    query = "symbol=ETHBTC&side=BUY&price=0.02"
    body = f"type=LIMIT&timeInForce=GTC&quantity=1&price=0.03&side=SELL&recvWindow=30000&timestamp={now_ms()}"
    body += f"&signature={sign(trader.secret, query + body)}"

    answer = exchange.rest(trader).call("POST", "/api/v3/order", query=query, body=body).json()

    assert (answer["side"], answer["price"]) == ("BUY", "0.02000000")
    cancel = signed(trader, symbol="ETHBTC", orderId=answer["orderId"])
    assert exchange.rest(trader).call("DELETE", "/api/v3/order", body=cancel).json()["status"] == "CANCELED"


def test_a_key_without_the_permission_reads_only(exchange: Exchange) -> None:
    [reader] = exchange.make_traders(1, trade=False)
    rest = exchange.rest(reader)
    denied = {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}
    order = {"symbol": "ETHBTC", "side": "BUY", "type": "MARKET", "quantity": "1"}

    assert rest.get("/api/v3/account").status_code == 200
    assert rest.post("/api/v3/order", **order).json() == denied
    assert rest.delete("/api/v3/order", symbol="ETHBTC", orderId=1).json() == denied
    assert rest.post("/sapi/v1/capital/withdraw/apply", coin="BTC", address="x", amount="1").json() == denied
    with exchange.ws_api(reader) as ws:
        assert ws.request("account.status")["status"] == 200
        reply = ws.request("order.place", **order)
        assert (reply["status"], reply["error"]) == (401, denied)
        assert ws.request("order.cancel", symbol="ETHBTC", orderId=1)["error"] == denied
    assert rest.get("/api/v3/allOrders", symbol="ETHBTC").json() == []


def test_a_revoked_key_ends_at_once(exchange: Exchange) -> None:
    [trader] = exchange.traders(1)
    exchange.forget(trader)
    rest = exchange.rest(trader)
    with exchange.ws_api(trader) as ws:
        assert rest.get("/api/v3/account").status_code == 200
        assert ws.request("account.status")["status"] == 200

        exchange.revoke(trader)

        exchange.eventually(lambda: rest.get("/api/v3/account").status_code == 401, "the key to end", 15)
        assert rest.get("/api/v3/account").json()["code"] == -2015
        assert ws.request("account.status")["error"]["code"] == -2015


def test_the_websocket_says_what_is_wrong_with_a_signature(exchange: Exchange) -> None:
    [trader] = exchange.traders(1)
    with exchange.ws_api(trader) as ws:
        good = ws.signed({})
        cases = [
            ("no key", {}, 401, -2014),
            ("malformed key", {**good, "apiKey": "a b"}, 401, -2014),
            ("unknown key", {**good, "apiKey": "a" * 64}, 401, -2015),
            ("wrong", {**good, "signature": "0" * 64}, 400, -1022),
            ("not hex, not ASCII", {**good, "signature": "ä"}, 400, -1022),
            ("something added", {**good, "omitZeroBalances": True}, 400, -1022),
            ("no signature", {name: good[name] for name in good if name != "signature"}, 400, -1102),
            ("null signature", {**good, "signature": None}, 400, -1102),
            ("old", {**good, "timestamp": now_ms() - 90_000}, 400, -1021),
        ]
        for label, params, status, code in cases:
            reply = ws.request("account.status", signed=False, **params)
            assert (reply["status"], reply["error"]["code"]) == (status, code), label
        assert ws.request("account.status", signed=False, **good)["status"] == 200


def test_numbers_and_flags_are_signed_as_they_were_written(exchange: Exchange) -> None:
    [trader] = exchange.traders(1)
    with exchange.ws_api(trader) as ws:
        head = f"apiKey={trader.key}&newOrderRespType=RESULT&price=0.05210&quantity=1.50&recvWindow=30000"
        text = f"{head}&side=BUY&symbol=ETHBTC&timeInForce=GTC&timestamp={now_ms()}&type=LIMIT"
        values = dict(pair.split("=") for pair in text.split("&"))
        numbers = ("price", "quantity", "recvWindow", "timestamp")
        fields = [f'"{name}": {v if name in numbers else chr(34) + v + chr(34)}' for name, v in values.items()]
        ws.connection.send(
            f'{{"id": "x", "method": "order.place", "params": {{{", ".join(fields)}, '
            f'"signature": "{sign(trader.secret, text)}"}}}}'
        )
        reply = ws.receive()

    assert reply["status"] == 200, reply
    assert (reply["result"]["price"], reply["result"]["origQty"]) == ("0.05210000", "1.50000000")
    assert "fills" not in reply["result"]


def test_a_browser_is_known_by_its_session_and_its_origin(exchange: Exchange) -> None:
    [trader] = exchange.traders(1)
    cookie = {"Cookie": f"sessionid={exchange.session_of(trader)}"}
    own = exchange.web.url

    with exchange.ws_api(headers=cookie, origin=own) as ws:
        assert ws.request("account.status")["result"]["uid"] == trader.account
        order = ws.place("BUY", "1", "0.02")
        assert ws.request("order.cancel", symbol="ETHBTC", orderId=order["orderId"])["status"] == 200
        assert ws.request("userDataStream.subscribe")["result"] == {"subscriptionId": 0}
    for origin in ("http://evil.example", own.replace("127.0.0.1", "127.0.0.1.evil.example"), "null", None):
        assert exchange.is_refused("/ws-api/v3", headers=cookie, origin=origin), origin
    # Without a session any origin is fine, and nobody is known.
    for headers in ({}, {"Cookie": "sessionid=made-up"}):
        with exchange.ws_api(headers=headers, origin="http://evil.example") as ws:
            assert ws.request("account.status")["error"]["code"] == -2014
    # Market data takes anybody, and does not look at cookies.
    with exchange.market("/ws/ethbtc@trade", headers=cookie, origin="http://evil.example") as market:
        market.send({"method": "LIST_SUBSCRIPTIONS", "id": 1})
        assert market.receive() == {"result": ["ethbtc@trade"], "id": 1}
