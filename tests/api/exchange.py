"""A running exchange: a real engine and a real web server, with a database and a pipe of their own.

MEX_TEST_SERVER=uvicorn runs everything on uvicorn.
"""

import json
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import redis
from websockets.exceptions import InvalidStatus

from launcher import web_servers
from tests.api.client import Frames, Rest, Trader, WsApi
from tests.crash.stack import Stack

DEADLINE_S = 30.0
SERVER = os.environ.get("MEX_TEST_SERVER", web_servers.DEFAULT)
SYMBOL = "ETHBTC"
FUNDS = 10**12
"""Units of BTC and of ETH that each trader starts with: 10,000 of either."""

_MAKE_TRADERS = """
import json
from accounts.models import User
from accounts.services import api_key_create
from trading.engine.commands import Transfer
from trading.engine.enums import Reason
from trading.gateway.sender import send
prefix, (count, funds, trade, withdraw) = sys.argv[1], map(int, sys.argv[2:])
made = []
for number in range(count):
    user = User.objects.create(email=f"{prefix}{number}@api.test")
    key, secret = api_key_create(user=user, label="test", can_trade=bool(trade), can_withdraw=bool(withdraw))
    made.append([user.pk, key.key, secret])
pairs = [(account, asset) for account, _, _ in made for asset in (1, 2) if funds]
send([Transfer(f"fund:{a}:{asset}", -5, a, asset, funds, Reason.ADJUSTMENT) for a, asset in pairs])
print(json.dumps(made))
"""


def wait_until(is_true: Callable[[], bool], what: str, deadline_s: float = DEADLINE_S) -> None:
    """Return when a condition holds; fail when it does not in time."""
    end = time.monotonic() + deadline_s
    while not is_true():
        assert time.monotonic() < end, f"not in time: {what}"
        time.sleep(0.02)


def free_port() -> int:
    """Return a port of loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Web:
    """One web process."""

    process: subprocess.Popen[str]
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.port}"


class Exchange:
    """Engine, web process, and traders with funds and keys."""

    def __init__(self, folder: Path, application: str = web_servers.APPLICATION, server: str = SERVER) -> None:
        self.stack = Stack(folder)
        self._server = server
        self._application = application
        self._spare: list[Trader] = []
        self._in_use: list[Trader] = []
        self.engine = self.start_engine()
        self.web = self.start_web()

    def start_engine(self) -> subprocess.Popen[str]:
        """Start an engine; return when it leads."""
        process = self.stack.python("manage.py", "run_engine", stdout=subprocess.PIPE)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("engine ready"), line
        return process

    def start_web(self, *more: str) -> Web:
        """Start a web process, with more arguments than the usual ones; return when it answers."""
        port = free_port()
        command = web_servers.arguments(self._server, port=port, application=self._application)
        web = Web(self.stack.python(*command, *more), port)
        wait_until(lambda: _answers(web), "a first answer of the web process")
        return web

    def kill_engine(self) -> None:
        """Kill the engine with SIGKILL."""
        self.engine.send_signal(signal.SIGKILL)
        self.engine.wait(DEADLINE_S)

    def restart_pipe(self) -> None:
        """Kill the Redis server and start it anew, empty."""
        server = self.stack._processes[0]
        server.kill()
        server.wait(DEADLINE_S)
        assert isinstance(server.args, list)
        self.stack._start([str(word) for word in server.args])
        wait_until(lambda: _is_up(self.stack.environment["REDIS_URL"]), "the new pipe")

    def make_traders(
        self, count: int, *, funds: int = FUNDS, trade: bool = True, withdraw: bool = False
    ) -> list[Trader]:
        """Return new users with keys, and with funds once the engine has given them."""
        command = [_MAKE_TRADERS, secrets.token_hex(8), str(count), str(funds), str(int(trade)), str(int(withdraw))]
        traders = [Trader(*row) for row in json.loads(self._script(*command))]
        last = traders[-1].account
        if funds:
            count_sql = f"SELECT count(*) FROM wallets_balance WHERE owner = {last} AND balance > 0"
            wait_until(lambda: self.stack.rows(count_sql) == [(2,)], "funds of new traders")
        return traders

    def traders(self, count: int) -> list[Trader]:
        """Return traders whom no test has used."""
        if len(self._spare) < count:
            self._spare += self.make_traders(40)
        taken = [self._spare.pop() for _ in range(count)]
        self._in_use += taken
        return taken

    def tidy(self) -> None:
        """Cancel whatever traders of the last test left in the book."""
        for trader in self._in_use:
            wait_until(partial(_is_empty, self.rest(trader)), "the end of a test's orders")
        self._in_use.clear()

    def rest(self, trader: Trader | None = None) -> Rest:
        """Return a REST client of a trader, or of nobody."""
        return Rest(self.web.url, trader)

    def ws_api(self, trader: Trader | None = None, *, query: str = "", **options: Any) -> WsApi:
        """Return a connection to the websocket API."""
        return WsApi(self.web.ws + "/ws-api/v3" + query, trader, **options)

    def market(self, path: str, **options: Any) -> Frames:
        """Return a connection to market streams."""
        return Frames(self.web.ws + path, **options)

    def is_refused(self, path: str, **options: Any) -> bool:
        """Return whether a handshake is refused with 403."""
        try:
            Frames(self.web.ws + path, **options).close()
        except InvalidStatus as error:
            return error.response.status_code == 403
        return False

    def forget(self, trader: Trader) -> None:
        """Leave a trader out of the tidying: his key will end."""
        self._in_use.remove(trader)

    def revoke(self, trader: Trader) -> None:
        """Revoke a trader's key, as the page does."""
        self._script(
            "from accounts.models import ApiKey\nfrom accounts.services import api_key_revoke\n"
            "api_key_revoke(key=ApiKey.objects.get(key=sys.argv[1]))\n",
            trader.key,
        )

    def deposit(self, trader: Trader, *, asset: int, units: int) -> None:
        """Credit a deposit, as the workers do."""
        self._script(
            "from trading.engine.commands import Transfer\nfrom trading.engine.enums import Reason\n"
            "from trading.gateway.sender import send\n"
            "owner, asset, units = map(int, sys.argv[1:])\n"
            "send([Transfer(f'deposit:{owner}', -1, owner, asset, units, Reason.DEPOSIT)])\n",
            *map(str, (trader.account, asset, units)),
        )

    def session_of(self, trader: Trader) -> str:
        """Return the session key of a browser in which the trader has logged in."""
        return self._script(
            "from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY\n"
            "from django.contrib.sessions.backends.db import SessionStore\n"
            "from accounts.models import User\n"
            "user, session = User.objects.get(pk=int(sys.argv[1])), SessionStore()\n"
            "session[SESSION_KEY] = str(user.pk)\n"
            "session[BACKEND_SESSION_KEY] = 'django.contrib.auth.backends.ModelBackend'\n"
            "session[HASH_SESSION_KEY] = user.get_session_auth_hash()\n"
            "session.save()\n"
            "print(session.session_key)\n",
            str(trader.account),
        )

    def set_market(self, symbol: str, *, like: str = "", **changes: object) -> None:
        """Change a market's rules, or create one with the rules of another, as operators do."""
        self._script(
            "import json, msgspec, uuid\n"
            "from trading.engine.commands import SetMarket\nfrom trading.gateway.sender import send\n"
            "from trading.models import Market\nfrom trading.selectors import market_spec\n"
            "symbol, like, changes = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])\n"
            "spec = market_spec(Market.objects.get(symbol=like or symbol))\n"
            "rules = msgspec.structs.asdict(spec) | changes | ({'id': 0, 'symbol': symbol} if like else {})\n"
            "send([SetMarket(str(uuid.uuid4()), 'test', '', msgspec.convert(list(rules.values()), type(spec)))])\n",
            symbol,
            like,
            json.dumps(changes),
        )

    def set_terms(self, trader: Trader, *, maker_ppm: int = -1, taker_ppm: int = -1, stp: int = 0) -> None:
        """Give a trader terms of his own, as operators do."""
        self._script(
            "import uuid\n"
            "from trading.engine.commands import SetTerms\nfrom trading.engine.enums import StpMode\n"
            "from trading.gateway.sender import send\n"
            "account, maker, taker, stp = map(int, sys.argv[1:])\n"
            "send([SetTerms(str(uuid.uuid4()), 'test', '', account, maker, taker, StpMode(stp))])\n",
            *map(str, (trader.account, maker_ppm, taker_ppm, stp)),
        )

    @staticmethod
    def eventually(is_true: Callable[[], bool], what: str, deadline_s: float = DEADLINE_S) -> None:
        """Return when a condition holds; fail when it does not in time."""
        wait_until(is_true, what, deadline_s)

    def _script(self, script: str, *args: str) -> str:
        process = self.stack.python(
            "-c", f"import sys\nimport django\ndjango.setup()\n{script}", *args, stdout=subprocess.PIPE
        )
        output = process.communicate(timeout=60)[0]
        assert process.returncode == 0
        return str(output).strip()

    def close(self) -> None:
        """End everything."""
        self.stack.close()


def _is_empty(rest: Rest) -> bool:
    # Once more if need be: after an outage a cancel may be unknown.
    orders = rest.get("/api/v3/openOrders").json()
    for order in orders:
        rest.delete("/api/v3/order", symbol=order["symbol"], orderId=order["orderId"])
    return not orders


def _is_up(url: str) -> bool:
    try:
        return bool(redis.Redis.from_url(url).ping())
    except redis.ConnectionError:
        return False


def _answers(web: Web) -> bool:
    assert web.process.poll() is None, "the web process ended"
    try:
        return Rest(web.url, None).get("/api/v3/ping").status_code == 200
    except ConnectionError:
        return False
