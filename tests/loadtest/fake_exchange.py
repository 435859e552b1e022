"""A websocket server that answers orders as it is told to: slowly, with refusals, or by going away."""

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve

Answer = Callable[[int, dict[str, Any]], dict[str, Any]]
"""(how many requests came before, request) → answer without its id."""


def accept(number: int, request: dict[str, Any]) -> dict[str, Any]:
    """Answer that everything was done."""
    params = request["params"]
    placed = {
        "orderId": number + 1,
        "clientOrderId": params.get("newClientOrderId", ""),
        "symbol": params.get("symbol", ""),
        "status": "NEW",
        "executedQty": "0.00000000",
    }
    canceled = {"orderId": int(params.get("orderId") or params.get("cancelOrderId") or 0), "symbol": placed["symbol"]}
    canceled |= {"status": "CANCELED", "executedQty": "0.00000000"}
    if request["method"] == "order.cancelReplace":
        return {"status": 200, "result": {"cancelResponse": canceled, "newOrderResponse": placed}}
    if request["method"] == "order.cancel":
        return {"status": 200, "result": canceled}
    return {"status": 200, "result": placed}


def refuse(code: int) -> Answer:
    """Answer everything with one error."""
    return lambda number, request: {"status": 400, "error": {"code": code, "msg": ""}}


class FakeExchange:
    """Listens on loopback in a thread of its own."""

    def __init__(self, answer: Answer = accept, *, stall: tuple[float, float] = (0, 0), hang_up_after: int = 0) -> None:
        self.requests: list[dict[str, Any]] = []
        self.connections = 0
        self._answer = answer
        self._stall = stall
        self._hang_up_after = hang_up_after
        self._first_s: float | None = None
        self._loop = asyncio.new_event_loop()
        self._server: Server | None = None
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> "FakeExchange":
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        """Its HTTP origin."""
        assert self._server is not None
        return f"http://127.0.0.1:{next(iter(self._server.sockets)).getsockname()[1]}"

    async def _open(self) -> None:
        self._server = await serve(self._talk, "127.0.0.1", 0)

    async def _close(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def _talk(self, connection: ServerConnection) -> None:
        self.connections += 1
        async for text in connection:
            request = json.loads(text)
            if request["method"] != "userDataStream.subscribe.signature":
                await self._wait_out_the_stall()
                answer = self._answer(len(self.requests), request)
                self.requests.append(request)
                await connection.send(json.dumps({"id": request["id"], **answer}))
                if len(self.requests) == self._hang_up_after:
                    return

    async def _wait_out_the_stall(self) -> None:
        now_s = self._loop.time()
        self._first_s = self._first_s or now_s
        begin_s, end_s = (self._first_s + offset_s for offset_s in self._stall)
        if begin_s <= now_s < end_s:
            await asyncio.sleep(end_s - now_s)
