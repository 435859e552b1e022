"""Put bitcoind and bitcoin-cli into a folder, without root.  [standard library only]

In this order: one that is on PATH; the one that the system's own archive offers, with the system's libraries; Debian's
bitcoin-knots with private copies of its libraries, libc included, because those of a stable system are too old for it.
"""

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from launcher import debian
from launcher.console import say, step
from launcher.elf import libraries_of
from launcher.programs import PROBE_TIMEOUT_S, InstallError, first_line, on_path, run, write_program, write_wrapper

PROGRAMS = ("bitcoind", "bitcoin-cli")
_PACKAGE = "bitcoin-knots"
_SUITES = ("forky", "sid")
_VERSION_MIN = 24
"""The first with `send`, `fee_rate` and descriptor wallets as we use them."""

_NAME_SERVICE = ("libnss_files.so.2", "libresolv.so.2", "libnss_dns.so.2")
"""What libc loads by name and no program lists as needed."""


def install(folder: Path, work: Path) -> None:
    """Make `folder`/bin/bitcoind and bitcoin-cli. Raises InstallError with what the operator can do."""
    if _from_path(folder):
        return
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise InstallError(
            f"there is no bitcoind on PATH, and this is no Debian-like system: install Bitcoin Core >= {_VERSION_MIN} "
            "or set BITCOIND to its bitcoind"
        )
    if not _from_system_archive(folder, work / "native"):
        _from_debian(folder, work)


def major_version(line: str | None) -> int:
    """Return the major version in bitcoind's first line of output; 0 if there is none."""
    found = re.search(r"v(\d+)\.\d+", line or "")
    return int(found[1]) if found else 0


def _from_path(folder: Path) -> bool:
    named = os.environ.get("BITCOIND")
    for daemon in (Path(named) if named else None, on_path("bitcoind", outside=folder)):
        if daemon is None or major_version(first_line(daemon)) < _VERSION_MIN:
            continue
        say(f"mex: using {daemon}")
        write_wrapper(folder / "bin/bitcoind", daemon)
        client = daemon.with_name("bitcoin-cli")
        if client.exists():
            write_wrapper(folder / "bin/bitcoin-cli", client)
        return True
    return False


def _from_system_archive(folder: Path, work: Path) -> bool:
    offered = next((name for name in (_PACKAGE, "bitcoind") if _is_offered(name)), None)
    if offered is None:
        return False
    work.mkdir(parents=True)
    run(["apt-get", "download", offered], cwd=work)
    fresh = folder / "bitcoin.new"
    shutil.rmtree(fresh, ignore_errors=True)
    run(["dpkg-deb", "-x", next(work.glob("*.deb")), fresh])
    if major_version(first_line(fresh / "usr/bin/bitcoind")) < _VERSION_MIN:
        say(f"mex: the libraries of the system's {offered} are not all installed: private copies instead")
        return False
    _swap(fresh, folder / "bitcoin")
    for name in PROGRAMS:
        write_wrapper(folder / "bin" / name, folder / "bitcoin/usr/bin" / name)
    return True


def _is_offered(package: str) -> bool:
    found = re.search(r"Candidate: (\S+)", run(["apt-cache", "policy", package], timeout_s=PROBE_TIMEOUT_S))
    return found is not None and found[1] != "(none)"


def _from_debian(folder: Path, work: Path) -> None:
    address = debian.mirror()
    if address is None:
        raise InstallError(
            f"set DEBIAN_MIRROR to the address of a Debian mirror, or BITCOIND to a bitcoind >= {_VERSION_MIN}"
        )
    keys = debian.keyring(work)
    architecture = run(["dpkg", "--print-architecture"], timeout_s=PROBE_TIMEOUT_S).strip()
    failures: list[str] = []
    for suite in os.environ.get("KNOTS_SUITES", " ".join(_SUITES)).split():
        try:
            apt = debian.PrivateApt(work / suite, address=address, suite=suite, keys=keys, architecture=architecture)
            with step(f"fetching {_PACKAGE} and its libraries from Debian {suite} (19 MB)"):
                apt.update()
                versions = apt.with_libraries(_PACKAGE)
                packages = apt.download(sorted(versions), work / suite / "packages")
            _build_private(packages, folder)
            _write_manifest(folder / "bitcoin/MANIFEST.json", suite, versions, packages)
            return
        except InstallError as error:
            failures.append(f"Debian {suite}: {error}")
    hint = (
        "; a mirror that stands still? CHAIN_NODES_ALLOW_EXPIRED=1 takes its index"
        if "expired" in str(failures)
        else ""
    )
    raise InstallError("no bitcoind could be installed" + hint + "\n" + "\n".join(failures))


def _write_manifest(path: Path, suite: str, versions: dict[str, str], packages: Iterable[Path]) -> None:
    hashes = {package.name: hashlib.sha256(package.read_bytes()).hexdigest() for package in packages}
    path.write_text(json.dumps({"suite": suite, "packages": versions, "sha256": hashes}, indent=1) + "\n")


def _build_private(packages: Iterable[Path], folder: Path) -> None:
    """Make `folder`/bitcoin/{bin,lib} with the programs and only those libraries that they really load."""
    fresh = folder / "bitcoin.new"
    shutil.rmtree(fresh, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="unpack-", dir=folder) as name:
        unpacked = Path(name)
        for package in packages:
            run(["dpkg-deb", "-x", package, unpacked])
        loader = _copy_closure(unpacked, fresh)
    probe: list[str | Path] = [
        fresh / "lib" / loader,
        "--library-path",
        fresh / "lib",
        fresh / "bin/bitcoind",
        "-version",
    ]
    if major_version(run(probe, timeout_s=PROBE_TIMEOUT_S).splitlines()[0]) < _VERSION_MIN:
        raise InstallError(f"the archive's bitcoind is older than {_VERSION_MIN}")
    _swap(fresh, folder / "bitcoin")
    for name in PROGRAMS:
        # $0 may be a link; the caller's LD_LIBRARY_PATH and LD_PRELOAD are meant for another libc.
        write_program(
            folder / "bin" / name,
            '#!/bin/sh\nhere=$(dirname "$(readlink -f "$0")")/../bitcoin\nunset LD_LIBRARY_PATH LD_PRELOAD\n'
            f'exec "$here/lib/{loader}" --library-path "$here/lib" --argv0 {name} "$here/bin/{name}" "$@"\n',
        )


def _copy_closure(unpacked: Path, fresh: Path) -> str:
    """Copy the programs and what they load, and return the name of the loader."""
    libraries = {path.name: path for path in sorted(unpacked.rglob("*.so*")) if path.is_file()}
    (fresh / "bin").mkdir(parents=True)
    (fresh / "lib").mkdir()
    wanted: list[str] = [name for name in _NAME_SERVICE if name in libraries]
    for name in PROGRAMS:
        shutil.copy2(unpacked / "usr/bin" / name, fresh / "bin" / name)
        wanted += libraries_of(fresh / "bin" / name)
    copied: set[str] = set()
    while wanted:
        name = wanted.pop()
        if name in copied:
            continue
        if name not in libraries:
            raise InstallError(f"the library {name} is in none of the packages")
        copied.add(name)
        shutil.copy2(libraries[name].resolve(), fresh / "lib" / name)
        wanted += libraries_of(libraries[name])
    loaders = [name for name in copied if re.match(r"ld-linux.*\.so\.\d|ld64\.so", name)]
    if len(loaders) != 1:
        raise InstallError(f"expected one loader among the libraries, found {loaders}")
    (fresh / "lib" / loaders[0]).chmod(0o755)
    return loaders[0]


def _swap(fresh: Path, final: Path) -> None:
    old = final.with_name(final.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if final.exists():
        final.rename(old)
    fresh.rename(final)
    shutil.rmtree(old, ignore_errors=True)
