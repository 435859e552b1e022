"""The API client: signatures as the contract has them, answers by id, errors with their code."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from trading.client.errors import ApiRefused, ApiUnavailable
from trading.client.rest import RestClient
from trading.client.signing import signed_params, signed_query
from trading.client.socket import open_socket, open_streams

KEY, SECRET = "mexKeyForDocs0001", "mexSecretForDocs0001"


def test_rest_parameters_are_signed_as_documented() -> None:
    params = {
        "symbol": "ETHBTC",
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "1.2",
        "price": "0.0521",
        "recvWindow": "5000",
        "timestamp": "1790000000123",
    }

    query = signed_query(SECRET, params)

    assert query.endswith("&signature=747954d72a0dc528eaeaaecc7c13c232e3859ccdb8172a8335c800b057286f2a")


def test_websocket_parameters_are_signed_sorted_by_name() -> None:
    params = signed_params(SECRET, {"timestamp": "1790000000123", "apiKey": KEY})

    assert params["signature"] == "0f1ebda4fba4eb5764a9de1ecaacb55eb5ccd599dd129320000f7c3b63471be6"


Answer = Callable[[dict[str, Any]], list[dict[str, Any]]]


@asynccontextmanager
async def exchange_that(answers: Answer) -> AsyncIterator[str]:
    """Serve a websocket that answers each request with frames, and yield its HTTP origin."""

    async def handle(connection: ServerConnection) -> None:
        async for text in connection:
            for frame in answers(json.loads(text)):
                await connection.send(json.dumps(frame))

    async with serve(handle, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_an_answer_finds_its_request_and_an_event_its_reader() -> None:
    def answers(request: dict[str, Any]) -> list[dict[str, Any]]:
        event = {"subscriptionId": 0, "event": {"e": "balanceUpdate", "a": "ETH"}}
        return [{"id": "of nobody", "result": 1}, event, {"id": request["id"], "status": 200, "result": request}]

    async with exchange_that(answers) as url, open_socket(url, KEY, SECRET) as api:
        answer = await api.signed("account.status")
        event = await api.next_event(5)

    assert answer["method"] == "account.status"
    assert answer["params"]["apiKey"] == KEY
    assert event == {"e": "balanceUpdate", "a": "ETH"}


async def test_a_refusal_carries_its_code() -> None:
    def answers(request: dict[str, Any]) -> list[dict[str, Any]]:
        return [{"id": request["id"], "status": 400, "error": {"code": -2013, "msg": "Order does not exist."}}]

    async with exchange_that(answers) as url, open_socket(url) as api:
        with pytest.raises(ApiRefused, match="Order does not exist") as caught:
            await api.request("order.status")

    assert caught.value.code == -2013


async def test_a_connection_that_ends_fails_what_waits_and_what_follows() -> None:
    async def handle(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.close()

    async with serve(handle, "127.0.0.1", 0) as server:
        async with open_socket(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as api:
            with pytest.raises(ApiUnavailable):
                await api.request("ping")
            with pytest.raises(ApiUnavailable):
                await api.request("ping")
            with pytest.raises(ApiUnavailable):
                await api.next_event(5)


async def test_streams_yield_events_by_name() -> None:
    async def handle(connection: ServerConnection) -> None:
        assert connection.request is not None
        assert connection.request.path == "/stream?streams=ethbtc@trade/ethbtc@depth"
        await connection.send(json.dumps({"result": None, "id": 1}))
        await connection.send(json.dumps({"stream": "ethbtc@trade", "data": {"e": "trade", "t": 7}}))

    async with serve(handle, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with open_streams(url, "ethbtc@trade", "ethbtc@depth") as events:
            found = [pair async for pair in events]

    assert found == [("ethbtc@trade", {"e": "trade", "t": 7})]


def test_an_exchange_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(ApiUnavailable, match=r"GET http://127.0.0.1:9/api/v3/ping"):
        RestClient("http://127.0.0.1:9").public("/api/v3/ping")
