"""Packages of a Debian archive by an apt that writes below one folder only.  [standard library only]

apt itself checks the archive's signature (debian-archive-keyring) and the SHA256 of every file. The mirror is the one
that this machine's own apt uses.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from launcher.programs import PROBE_TIMEOUT_S, InstallError, run

_KEYRINGS = ("debian-archive-keyring.gpg", "debian-archive-keyring.pgp")


def os_release(path: Path = Path("/etc/os-release")) -> dict[str, str]:
    """Return what this system says it is."""
    if not path.exists():
        return {}
    pairs = (line.strip().partition("=") for line in path.read_text().splitlines() if "=" in line)
    return {name: value.strip('"') for name, _, value in pairs}


def mirror() -> str | None:
    """Return the address of the Debian mirror of this machine's apt, or $DEBIAN_MIRROR, or None."""
    if os.environ.get("DEBIAN_MIRROR"):
        return os.environ["DEBIAN_MIRROR"].rstrip("/")
    release = os_release()
    if release.get("ID") != "debian":
        return None
    targets = run(
        ["apt-get", "indextargets", "--format", "$(RELEASE)|$(REPO_URI)", "Created-By: Packages"],
        timeout_s=PROBE_TIMEOUT_S,
    )
    for line in targets.splitlines():
        suite, _, address = line.partition("|")
        if suite == release.get("VERSION_CODENAME") and address:
            return address.rstrip("/")
    return None


def takes_expired_indexes() -> bool:
    """Return whether this machine's apt is set up for a mirror that stands still. Signatures count all the same."""
    setting = run(["apt-config", "shell", "VALID", "Acquire::Check-Valid-Until/b"], timeout_s=PROBE_TIMEOUT_S)
    return "false" in setting or bool(os.environ.get("CHAIN_NODES_ALLOW_EXPIRED"))


def keyring(work: Path) -> Path:
    """Return the keys of Debian's archive: the system's, or those of the package in the system's own archive."""
    for name in _KEYRINGS:
        path = Path("/usr/share/keyrings") / name
        if path.exists():
            return path
    folder = work / "keyring"
    folder.mkdir(parents=True)
    run(["apt-get", "download", "debian-archive-keyring"], cwd=folder)
    run(["dpkg-deb", "-x", next(folder.glob("*.deb")), folder / "files"])
    found = sorted((folder / "files/usr/share/keyrings").glob("debian-archive-keyring.*"))
    if not found:
        raise InstallError("the package debian-archive-keyring holds no keyring")
    return found[0]


class PrivateApt:
    """An apt that sees one suite and no installed package, and writes only below `work`."""

    def __init__(self, work: Path, *, address: str, suite: str, keys: Path, architecture: str) -> None:
        for folder in ("etc", "state/lists/partial", "cache/archives/partial", "log"):
            (work / folder).mkdir(parents=True, exist_ok=True)
        (work / "status").touch()
        (work / "etc/debian.sources").write_text(
            f"Types: deb\nURIs: {address}\nSuites: {suite}\nComponents: main\nArchitectures: {architecture}\n"
            f"Targets: Packages\nSigned-By: {keys}\n"
        )
        # Hooks of the system's apt.conf (docker-clean, package-kit) are for the real root, not for this one.
        self._configuration = work / "etc/apt.conf"
        self._configuration.write_text(
            "#clear APT::Update::Post-Invoke;\n#clear APT::Update::Post-Invoke-Success;\n#clear DPkg::Post-Invoke;\n"
        )
        options = {
            "Dir::Etc::sourcelist": work / "etc/debian.sources",
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::Etc::preferences": "/dev/null",
            "Dir::Etc::preferencesparts": "/dev/null",
            "Dir::State": work / "state",
            "Dir::State::status": work / "status",
            "Dir::Cache": work / "cache",
            "Dir::Cache::pkgcache": "",
            "Dir::Cache::srcpkgcache": "",
            "Dir::Log": work / "log",
            "APT::Architecture": architecture,
            "APT::Architectures": architecture,
            "APT::Install-Recommends": "false",
            "APT::Sandbox::User": "",
            "APT::Update::Error-Mode": "any",
            "APT::Get::AllowUnauthenticated": "false",
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
            "Acquire::Check-Valid-Until": "false" if takes_expired_indexes() else "true",
        }
        self._options = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]

    def update(self) -> None:
        """Fetch the suite's index and check its signature."""
        self._run("apt-get", "update", "-q")

    def with_libraries(self, package: str) -> dict[str, str]:
        """Return the package and every lib* package that it needs, with their versions."""
        versions: dict[str, str] = {}
        wanted = [package]
        seen: set[str] = set()
        while wanted:
            seen.update(wanted)
            found = paragraphs(self._run("apt-cache", "show", "--no-all-versions", *wanted))
            versions.update({fields["Package"]: fields["Version"] for fields in found})
            needed = {name for fields in found for name in libraries_needed(fields)}
            wanted = sorted(needed - seen)
        if package not in versions:
            raise InstallError(f"the archive has no {package}")
        return versions

    def download(self, packages: Sequence[str], folder: Path) -> list[Path]:
        """Fetch packages into a folder; apt checks the SHA256 of each."""
        folder.mkdir(parents=True, exist_ok=True)
        self._run("apt-get", "download", *packages, cwd=folder)
        return sorted(folder.glob("*.deb"))

    def _run(self, tool: str, *arguments: str, cwd: Path | None = None) -> str:
        return run([tool, "-c", self._configuration, *self._options, *arguments], cwd=cwd)


def paragraphs(answer: str) -> list[dict[str, str]]:
    """Return the packages of an `apt-cache show` answer as their one-line fields."""
    found = [dict(re.findall(r"^([A-Za-z0-9-]+): (.*)$", text, re.M)) for text in answer.strip().split("\n\n")]
    return [fields for fields in found if "Package" in fields]


def libraries_needed(fields: dict[str, str]) -> list[str]:
    """Return the lib* packages that a package depends on; of alternatives, the first.

    Libraries only: debconf, systemd and gcc-*-base hold nothing that a program loads.
    """
    dependencies = ", ".join(fields.get(name, "") for name in ("Pre-Depends", "Depends"))
    names = [re.split(r"[ (:|]", word.strip())[0] for word in dependencies.split(",")]
    return [name for name in names if name.startswith("lib")]
