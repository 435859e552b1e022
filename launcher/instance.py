"""One instance of mex: the folder that holds all its state, and the environment that its programs run in."""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from launcher import web_servers
from launcher.processes import free_port
from launcher.services import write_secret

ROOT = Path(__file__).resolve().parent.parent
"""The clone."""

_NAMES = (
    "DATABASE_URL",
    "REDIS_URL",
    "BITCOIN_RPC_URL",
    "ETHEREUM_RPC_URL",
    "SECRET_KEY",
    "ALLOWED_HOSTS",
    "LOG_LEVEL",
)
"""Settings from the environment, beside MEX_*. Source: docs/settings.md."""

_SIGNER_ONLY = ("MEX_KEY_PASSPHRASE", "MEX_KEY_PASSPHRASE_FILE", "MEX_KEY_FILE")
"""What opens the keys: no program but the signing worker and the operator's `keys` command gets it."""

_NEVER_KEPT = ("MEX_DATA", "MEX_KEY_PASSPHRASE")
"""What is not written to the folder, whatever the server was started with."""

_FILE = "instance.json"
_LOCK = "lock"


class AlreadyRunning(Exception):
    """Raised when another server has this folder."""


@dataclass
class Instance:
    """What is drawn once for a folder and kept, and what its server was last started with."""

    folder: Path
    secret_key: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    bitcoin_password: str = field(default_factory=lambda: secrets.token_hex(16))
    valkey_password: str = field(default_factory=lambda: secrets.token_hex(16))
    web_port: int = 8000
    web_server: str = web_servers.DEFAULT
    valkey_port: int = 0
    bitcoin_port: int = 0
    bitcoin_zmq_port: int = 0
    ethereum_port: int = 0
    given: dict[str, str] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: Path) -> "Instance":
        """Return the instance of a folder, which is made if there is none."""
        folder = folder.absolute()
        # Wallets, keys and the database are in there: nobody else has any business with it.
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / _FILE
        if path.exists():
            return cls(**{**json.loads(path.read_text()), "folder": folder})
        instance = cls(folder)
        instance.choose_ports(8000)
        instance.save()
        return instance

    @classmethod
    def is_in(cls, folder: Path) -> bool:
        """Return whether a folder has an instance."""
        return (folder / _FILE).exists()

    @property
    def url(self) -> str:
        """The address of the pages and the API."""
        return f"http://127.0.0.1:{self.web_port}"

    def save(self) -> None:
        """Write what is to be kept; only the owner may read it."""
        write_secret(self.folder / _FILE, json.dumps({**asdict(self), "folder": str(self.folder)}, indent=1) + "\n")

    def choose_ports(self, web_port: int) -> None:
        """Keep the ports of the last run where they are free."""
        self.web_port = web_port
        self.valkey_port = free_port(self.valkey_port or None, taken=[web_port])
        self.bitcoin_port = free_port(self.bitcoin_port or None, taken=[web_port, self.valkey_port])
        taken = [web_port, self.valkey_port, self.bitcoin_port]
        self.ethereum_port = free_port(self.ethereum_port or None, taken=taken)
        self.bitcoin_zmq_port = free_port(self.bitcoin_zmq_port or None, taken=[*taken, self.ethereum_port])

    def environment(self, caller: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of the instance's programs, with nothing in it that opens the keys.

        What the caller sets wins over what the server was started with, and that over the embedded defaults.
        """
        whole = self._environment(caller)
        if "MEX_KEY_FILE" in whole:
            # Where the keys are is no business of theirs; the public file beside them is.
            whole.setdefault("MEX_KEY_PUBLIC_FILE", whole["MEX_KEY_FILE"] + ".public")
        return {name: value for name, value in whole.items() if name not in _SIGNER_ONLY}

    def signer_environment(self, caller: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of programs that may open the keys.

        On local chains the passphrase is drawn once and kept in the folder, unless the caller brings his own.
        """
        whole = self._environment(caller)
        is_given = whole.get("MEX_KEY_PASSPHRASE") or whole.get("MEX_KEY_PASSPHRASE_FILE")
        if has_local_chains(whole) and not is_given:
            whole["MEX_KEY_PASSPHRASE_FILE"] = str(self._passphrase_file())
        return whole

    def _passphrase_file(self) -> Path:
        path = self.folder / "keys" / "passphrase"
        if not path.exists():
            path.parent.mkdir(mode=0o700, exist_ok=True)
            write_secret(path, secrets.token_urlsafe(32) + "\n")
        return path

    def keep(self, environment: Mapping[str, str]) -> None:
        """Keep the settings that the server is started with, for `script/manage`; never the passphrase of the keys."""
        self.given = {name: value for name, value in settings_in(environment).items() if name not in _NEVER_KEPT}

    def _environment(self, caller: Mapping[str, str]) -> dict[str, str]:
        return {
            "SECRET_KEY": self.secret_key,
            "REDIS_URL": f"redis://:{self.valkey_password}@127.0.0.1:{self.valkey_port}/0",
            "BITCOIN_RPC_URL": f"http://mex:{self.bitcoin_password}@127.0.0.1:{self.bitcoin_port}",
            "ETHEREUM_RPC_URL": f"http://127.0.0.1:{self.ethereum_port}",
            # Another node than ours publishes elsewhere, or nowhere.
            "MEX_BITCOIN_ZMQ": ""
            if "BITCOIN_RPC_URL" in {**self.given, **caller}
            else f"tcp://127.0.0.1:{self.bitcoin_zmq_port}",
            # Two instances on one host share the browser's cookies, whatever their ports.
            "MEX_SESSION_COOKIE": f"sessionid_{self.web_port}",
            "MEX_URL": self.url,
            **self.given,
            **caller,
            "MEX_DATA": str(self.folder),
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
        }

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder for this process. Raises AlreadyRunning, naming who has it."""
        path = self.folder / _LOCK
        with path.open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                raise AlreadyRunning(
                    f"a server already runs on {self.folder} (process {file.read().strip() or 'unknown'}, {self.url}): "
                    "stop it first, or give this one another --data"
                ) from None
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield

    def is_running(self) -> bool:
        """Return whether a server holds the folder."""
        path = self.folder / _LOCK
        if not path.exists():
            return False
        with path.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False


def has_local_chains(environment: Mapping[str, str]) -> bool:
    """Return whether an instance runs chains of its own, as mex/settings.py decides it."""
    default = environment.get("MEX_NETWORK", "local") == "local" and environment.get("MEX_PROFILE") != "production"
    given = environment.get("MEX_LOCAL_CHAINS", "on" if default else "off")
    return given.lower() in ("1", "true", "yes", "on")


def settings_in(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the part of an environment that is mex's settings."""
    return {name: value for name, value in environment.items() if name in _NAMES or name.startswith("MEX_")}


def without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without mex's settings, for an instance that is to have nothing of ours."""
    ours = settings_in(environment)
    return {name: value for name, value in environment.items() if name not in ours}


def default_folder(environment: Mapping[str, str]) -> Path:
    """Return $MEX_DATA, or .mex in the clone."""
    return Path(environment.get("MEX_DATA") or ROOT / ".mex")
