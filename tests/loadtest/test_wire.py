"""Frames that are written by hand say and sign what docs/api.md asks for."""

import json

from loadtest import wire
from trading.client.signing import signed_params


def test_a_frame_has_the_signature_of_docs_api() -> None:
    pairs = [
        ("newOrderRespType", "FULL"),
        ("price", "0.0521"),
        ("quantity", "1.2"),
        ("side", "BUY"),
        ("symbol", "ETHBTC"),
        ("timeInForce", "GTC"),
        ("type", "LIMIT"),
    ]

    sent = json.loads(wire.frame(7, "order.place", pairs, "mexKeyForDocs0001", b"mexSecretForDocs0001", 1790000000123))

    params = {**dict(pairs), "apiKey": "mexKeyForDocs0001", "recvWindow": "60000", "timestamp": "1790000000123"}
    assert sent == {"id": 7, "method": "order.place", "params": signed_params("mexSecretForDocs0001", params)}


def test_an_answer_of_a_cancel_replace_tells_the_new_order() -> None:
    text = (
        b'{"id": 3, "status": 200, "result": {"cancelResult": "SUCCESS", "newOrderResult": "SUCCESS",'
        b' "cancelResponse": {"orderId": 4}, "newOrderResponse": {"symbol": "ETHBTC", "orderId": 9,'
        b' "clientOrderId": "c", "status": "NEW"}}}'
    )

    answer = wire.decode(text)

    assert answer.result is not None
    assert answer.result.newOrderResponse == wire.Placed(9, "c", "ETHBTC", "NEW")


def test_what_came_too_late_is_told_from_what_failed() -> None:
    def error(text: str) -> wire.Error:
        found = wire.decode(text.encode()).error
        assert found is not None
        return found

    late = '{"id": 1, "status": 400, "error": {"code": -2022, "msg": "", "data": {"cancelResponse": {"code": -2011}}}}'
    assert wire.came_too_late(error('{"id": 1, "status": 400, "error": {"code": -2011, "msg": "Unknown order sent."}}'))
    assert wire.came_too_late(error(late))
    assert not wire.came_too_late(error(late.replace("-2011", "-1007")))
    assert not wire.came_too_late(error('{"id": 1, "status": 400, "error": {"code": -2022, "msg": ""}}'))
    assert not wire.came_too_late(error('{"id": 1, "status": 503, "error": {"code": -1008, "msg": ""}}'))
