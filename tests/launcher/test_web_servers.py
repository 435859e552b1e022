"""The command lines of the web process."""

import pytest

from launcher import web_servers
from launcher.server import Web


@pytest.mark.parametrize(
    ("server", "level", "command"),
    [
        ("daphne", "info", "-m daphne -b 127.0.0.1 -p 8123 -v 0 mex.asgi:application"),
        ("daphne", "http", "-m daphne -b 127.0.0.1 -p 8123 -v 1 mex.asgi:application"),
        ("uvicorn", "info", "-m mex.uvicorn_web --port 8123 mex.asgi:application"),
        ("uvicorn", "debug", "-m mex.uvicorn_web --port 8123 --access-log mex.asgi:application"),
    ],
)
def test_each_server_listens_on_this_machine_alone(server: str, level: str, command: str) -> None:
    assert Web(server, 8123, level).command()[1:] == command.split()


def test_daphne_is_the_default() -> None:
    assert web_servers.SERVERS[0] == web_servers.DEFAULT == "daphne"
