"""The client against nodes that answer, refuse, hang up and hang."""

import json
import socket
import threading
from collections.abc import Iterator
from decimal import Decimal

import pytest

from tests.wallets.nodes import Bitcoind, free_port
from wallets.chains.jsonrpc import ChainRefused, ChainUnavailable, JsonRpc


class OddServer:
    """Answers each connection with the next of the given behaviours, and counts the requests that it read."""

    def __init__(self, *behaviours: bytes) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.behaviours = behaviours
        self.requests = 0
        self.bodies: list[bytes] = []
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        for behaviour in self.behaviours:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return  # closed
            with connection:
                for answer in behaviour.split(b"|"):
                    body = _read_request(connection)
                    if body is None:
                        break
                    self.requests += 1
                    self.bodies.append(body)
                    if answer == b"hang":
                        connection.recv(65_536)
                    elif answer:
                        connection.sendall(answer)

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(5)


def _read_request(connection: socket.socket) -> bytes | None:
    """Read one whole request and return its body; headers and body may come in pieces. None: there is none any more."""
    received = b""
    while b"\r\n\r\n" not in received:
        piece = connection.recv(65_536)
        if not piece:
            return None
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65_536)
    return body


def ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


RESULT = ok(b'{"jsonrpc":"2.0","id":1,"result":0.1,"error":null}')


@pytest.fixture
def servers() -> Iterator[list[OddServer]]:
    made: list[OddServer] = []
    yield made
    for server in made:
        server.close()


def rpc_to(servers: list[OddServer], *behaviours: bytes) -> JsonRpc:
    servers.append(OddServer(*behaviours))
    return JsonRpc(f"http://127.0.0.1:{servers[-1].port}", timeout_s=3)


def test_numbers_with_a_fraction_are_decimals(servers: list[OddServer]) -> None:
    rpc = rpc_to(servers, RESULT)

    assert rpc.call("x") == Decimal("0.1")
    rpc.close()


def test_a_closed_idle_connection_is_opened_again(servers: list[OddServer]) -> None:
    rpc = rpc_to(servers, RESULT + b"|", RESULT)

    assert [rpc.call("x"), rpc.call("x")] == [Decimal("0.1"), Decimal("0.1")]
    rpc.close()


def test_what_must_not_be_done_twice_is_not_sent_twice(servers: list[OddServer]) -> None:
    # The second request is read, then the server hangs up without an answer.
    rpc = rpc_to(servers, RESULT + b"|", RESULT)
    rpc.call("x")

    with pytest.raises(ChainUnavailable):
        rpc.call("pay", repeatable=False)

    assert servers[0].requests == 2


@pytest.mark.parametrize(
    ("label", "behaviour"),
    [
        ("hangs", b"hang"),
        ("hangs up", b""),
        ("no HTTP", b"hello\r\n\r\n"),
        ("work queue full", b"HTTP/1.1 503 Busy\r\nContent-Length: 10\r\n\r\nqueue full"),
        ("wrong password", b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"),
        ("half an answer", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"),
        ("no JSON-RPC", ok(b"[]")),
        ("warming up", ok(b'{"id":1,"result":null,"error":{"code":-28,"message":"Loading"}}')),
    ],
)
def test_no_answer_is_unavailable(servers: list[OddServer], label: str, behaviour: bytes) -> None:
    rpc = rpc_to(servers, behaviour)

    with pytest.raises(ChainUnavailable):
        rpc.call("x")
    rpc.close()


def test_nobody_there_is_unavailable() -> None:
    with pytest.raises(ChainUnavailable):
        JsonRpc(f"http://127.0.0.1:{free_port()}").call("x")


def test_errors_keep_their_code(bitcoind: Bitcoind) -> None:
    with pytest.raises(ChainRefused) as refusal:
        bitcoind.node.root.call("getblock", "ab" * 32)

    assert (refusal.value.code, refusal.value.method) == (-5, "getblock")


def test_a_batch_answers_each_call_in_order(bitcoind: Bitcoind) -> None:
    answers = bitcoind.node.root.batch("getblockhash", [[0], [10**6], [1]])

    assert answers[0] == "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206"
    assert isinstance(answers[1], ChainRefused)
    assert len(answers[2]) == 64


def test_what_is_too_much_for_one_request_goes_in_several(servers: list[OddServer]) -> None:
    """geth answers nothing of a batch of more than 1,000 calls; docs/networks.md promises 500."""

    def answer(count: int) -> bytes:
        return ok(json.dumps([{"jsonrpc": "2.0", "id": number, "result": number} for number in range(count)]).encode())

    rpc = rpc_to(servers, b"|".join([answer(500), answer(500), answer(1)]))

    answers = rpc.batch("double", [[number] for number in range(1_001)])

    asked = [[call["params"] for call in json.loads(body)] for body in servers[0].bodies]
    assert answers == [*range(500), *range(500), 0]
    assert [len(calls) for calls in asked] == [500, 500, 1]
    assert [number for calls in asked for (number,) in calls] == list(range(1_001))
    rpc.close()


def test_what_is_asked_for_in_several_requests_keeps_its_order(bitcoind: Bitcoind) -> None:
    heights = [*(number % 2 for number in range(501)), 10**6]

    answers = bitcoind.node.root.batch("getblockhash", [[height] for height in heights])

    assert answers[:500] == [answers[0], answers[1]] * 250
    assert answers[0] != answers[1]
    assert isinstance(answers[501], ChainRefused)
    assert bitcoind.node.root.batch("getblockhash", []) == []


def test_a_password_may_have_any_character() -> None:
    rpc = JsonRpc("http://me%40home:a%2Fb%3Ac@127.0.0.1:1")

    assert rpc._headers["Authorization"] == "Basic bWVAaG9tZTphL2I6Yw=="
