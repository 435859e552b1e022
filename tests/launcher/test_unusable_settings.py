"""A setting that is missing or unsafe stops every process with one clear line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from launcher.instance import ROOT

SAFE = {
    "MEX_PROFILE": "production",
    "SECRET_KEY": "k" * 50,
    "ALLOWED_HOSTS": "mex.example",
    "DATABASE_URL": "postgresql://mex@127.0.0.1/mex",
    "REDIS_URL": "redis://127.0.0.1:6379/0",
    "BITCOIN_RPC_URL": "http://mex:mex@127.0.0.1:8332",
    "ETHEREUM_RPC_URL": "http://127.0.0.1:8545",
    "MEX_MAIL_URL": "smtp://mail.example",
    "MEX_URL": "https://mex.example",
}


def start(tmp_path: Path, settings: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command with these settings and no others."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment = {**kept, "MEX_DATA": str(tmp_path), **settings}
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize(
    ("label", "changes", "line"),
    [
        ("no secret", {"SECRET_KEY": ""}, "the environment variable SECRET_KEY must be set"),
        ("short secret", {"SECRET_KEY": "short"}, "SECRET_KEY must be a random text of at least 40 characters"),
        ("debug", {"MEX_DEBUG": "on"}, "MEX_DEBUG must be off in production"),
        ("no hosts", {"ALLOWED_HOSTS": ""}, "ALLOWED_HOSTS must name the hosts"),
        ("no database", {"DATABASE_URL": ""}, "the environment variable DATABASE_URL must be set"),
        ("an unknown database", {"DATABASE_URL": "mysql://mex@127.0.0.1/mex"}, "DATABASE_URL must be sqlite or"),
        ("no pipe", {"REDIS_URL": ""}, "the environment variable REDIS_URL must be set"),
        ("no node", {"BITCOIN_RPC_URL": ""}, "the environment variable BITCOIN_RPC_URL must be set"),
        ("not an address", {"MEX_USDT_CONTRACT": "0x12"}, "MEX_USDT_CONTRACT must be an Ethereum address, was '0x12'"),
        ("three approvals", {"MEX_APPROVALS_NEEDED": "3"}, "MEX_APPROVALS_NEEDED must be 1 or 2, was 3"),
        ("cooling before it is there", {"MEX_ADDRESS_COOLING_H": "-1"}, "MEX_ADDRESS_COOLING_H must not be negative"),
        ("mail by pigeon", {"MEX_MAIL_URL": "pigeon://roof"}, "MEX_MAIL_URL must be like smtp+tls://"),
        ("mail to nowhere", {"MEX_MAIL_URL": "smtp:"}, "MEX_MAIL_URL must be like smtp+tls://"),
        ("mail to the log", {"MEX_MAIL_URL": "console:"}, "MEX_MAIL_URL must name a mail server in production, or"),
        ("links to nowhere", {"MEX_URL": "mex.example"}, "MEX_URL must be where people find mex"),
        ("links to oneself", {"MEX_URL": "http://127.0.0.1:8000"}, "links to it, was 'http://127.0.0.1:8000'"),
        ("not a number", {"MEX_SHARD": "one"}, "MEX_SHARD must be a whole number, was 'one'"),
        ("not a level", {"LOG_LEVEL": "loud"}, "LOG_LEVEL must be one of none, error, info, http, debug"),
    ],
)
def test_what_is_missing_or_unsafe_stops_start_up(
    tmp_path: Path, label: str, changes: dict[str, str], line: str
) -> None:
    refused = start(tmp_path, SAFE | changes, "manage.py", "check")

    assert refused.returncode == 1, label
    assert refused.stderr.startswith("mex cannot start: ")
    assert line in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "command",
    [
        ("-m", "daphne", "mex.asgi:application"),
        ("-m", "mex.uvicorn_web"),
        ("-m", "celery", "-A", "celery_app", "worker"),
        ("manage.py", "run_engine"),
    ],
)
def test_every_process_is_stopped(tmp_path: Path, command: tuple[str, ...]) -> None:
    refused = start(tmp_path, {"MEX_PROFILE": "production"}, *command)

    assert refused.returncode == 1
    assert refused.stderr == "mex cannot start: the environment variable SECRET_KEY must be set\n"


def test_a_production_setting_is_taken(tmp_path: Path) -> None:
    assert start(tmp_path, SAFE, "manage.py", "check").returncode == 0


def test_who_has_no_mails_needs_neither_server_nor_links(tmp_path: Path) -> None:
    without = {name: value for name, value in SAFE.items() if name not in ("MEX_MAIL_URL", "MEX_URL")}

    assert start(tmp_path, without | {"MEX_WITHDRAWAL_EMAILS": "off"}, "manage.py", "check").returncode == 0
    assert start(tmp_path, without, "manage.py", "check").stderr.startswith("mex cannot start: MEX_MAIL_URL must")


@pytest.mark.parametrize(
    ("session", "csrf"),
    [
        ("sessionid", "csrftoken"),
        ("sessionid_8000", "csrftoken_8000"),
        ("mex", "mex-csrf"),
        ("csrftoken", "csrftoken-csrf"),
    ],
)
def test_session_and_csrf_token_are_two_cookies(tmp_path: Path, session: str, csrf: str) -> None:
    """With one for both, each answer with a form ended the session."""
    code = "from mex import settings as s; print(s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME)"

    assert start(tmp_path, {"MEX_SESSION_COOKIE": session}, "-c", code).stdout.split() == [session, csrf]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("console:", "console localhost 25 '' '' False False"),
        ("smtp://mail.example", "smtp mail.example 25 '' '' False False"),
        ("smtp+tls://ann%40x.org:p%2Fw@mail.example", "smtp mail.example 587 'ann@x.org' 'p/w' True False"),
        ("smtps://ann:pw@mail.example:4650", "smtp mail.example 4650 'ann' 'pw' False True"),
    ],
)
def test_a_mail_server_is_named_by_one_address(tmp_path: Path, url: str, shown: str) -> None:
    code = (
        "from mex import settings as s;"
        "print(s.EMAIL_BACKEND.split('.')[-2], s.EMAIL_HOST, s.EMAIL_PORT, repr(s.EMAIL_HOST_USER),"
        " repr(s.EMAIL_HOST_PASSWORD), s.EMAIL_USE_TLS, s.EMAIL_USE_SSL)"
    )

    settings = SAFE | {"MEX_MAIL_URL": url, "MEX_WITHDRAWAL_EMAILS": "off"}

    assert start(tmp_path, settings, "-c", code).stdout.strip() == shown


@pytest.mark.parametrize(("local", "shown"), [("on", "False 0 1"), ("off", "True 24 1")])
def test_local_chains_ask_for_no_mail_and_cool_nothing_down(tmp_path: Path, local: str, shown: str) -> None:
    code = "from mex import settings as s; print(s.WITHDRAWAL_EMAILS, s.ADDRESS_COOLING_H, s.APPROVALS_NEEDED)"

    answer = start(tmp_path, {"MEX_LOCAL_CHAINS": local}, "-c", code)

    assert answer.stdout.strip() == shown, answer.stderr
