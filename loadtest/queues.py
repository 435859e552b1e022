"""How long the queues of an instance are, from its /metrics, read each second beside everything else."""

import http.client
import threading
import urllib.error
import urllib.request
from decimal import Decimal
from typing import NamedTuple

_TIMEOUT_S = 5.0
_EVERY_S = 1.0
_NAMES = {
    "mex_command_stream_entries": "stream",
    "mex_web_commands_waiting": "waiting",
    "mex_engine_batches": "batches",
    "mex_engine_commands": "commands",
}
# An exchange on loopback must not be looked for behind the proxy of the environment.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Reading(NamedTuple):
    """Entries of the command stream, commands that wait for answers, and what the engine has committed in all."""

    stream: int = 0
    waiting: int = 0
    batches: int = 0
    commands: int = 0


def parse(text: str) -> Reading:
    """Return the figures in a text of the Prometheus format; what is missing is 0."""
    found: dict[str, int] = {}
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if name in _NAMES:
            found[_NAMES[name]] = int(Decimal(value))  # a million is written 1e+06
    return Reading(**found)


class Queues:
    """Reads in a thread of its own, so that a slow answer delays nobody; `latest` is the last one that came."""

    def __init__(self, url: str) -> None:
        self.latest = Reading()
        self.missed = 0
        self._url = f"{url}/metrics"
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="queues", daemon=True)

    def start(self) -> None:
        """Begin reading; returns once there is a first one, or none came."""
        self._read()
        self._thread.start()

    def stop(self) -> None:
        """Read no more."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(_EVERY_S):
            self._read()

    def _read(self) -> None:
        try:
            with _DIRECT.open(self._url, timeout=_TIMEOUT_S) as response:
                self.latest = parse(response.read().decode())
        except (urllib.error.URLError, OSError, http.client.HTTPException):
            self.missed += 1
