"""The key file in an operator's hands: made, backed up, restored, verified, rotated, shown (docs/keys.md)."""

import getpass
import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from wallets.chains.key_rotation import key_rotate
from wallets.chains.keycare import key_backup, key_create, key_passphrase_change, key_restore
from wallets.chains.keychecks import keys_verify
from wallets.chains.keyfile import (
    KeysLocked,
    KeysUnusable,
    header_read,
    key_file_check,
    key_file_read,
    passphrase_given,
    passphrase_read,
)
from wallets.chains.keys import hot_address_at
from wallets.chains.public_file import public_file_read


class Command(BaseCommand):
    """Take care of the key file."""

    help = "Make, back up, restore, verify, rotate and show the keys, and change their passphrase (docs/keys.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, parser_class=ArgumentParser)
        create = actions.add_parser("create", help="make the key file, once for the life of an exchange")
        create.add_argument("--plain", type=Path, help="take the seed of an earlier version over, and remove it")
        backup = actions.add_parser("backup", help="copy the key file, which stays encrypted, and read the copy back")
        backup.add_argument("target", type=Path, help="a path where nothing is yet")
        restore = actions.add_parser("restore", help="bring the key file back from a backup")
        restore.add_argument("source", type=Path)
        verify = actions.add_parser("verify", help="decrypt, and compare with public file, addresses and node")
        verify.add_argument("--file", type=Path, help="a backup, in place of the key file itself")
        verify.add_argument("--all", action="store_true", help="derive every stored address, not only the newest")
        verify.add_argument("--offline", action="store_true", help="do not ask the node")
        actions.add_parser("rotate", help="add a new seed for all that is new; signing workers must be stopped")
        change = actions.add_parser("passphrase", help="encrypt the key file with another passphrase")
        change.add_argument("--new-file", type=Path, help="file with the new passphrase in its first line")
        actions.add_parser("show", help="show what is public about the keys; needs no passphrase")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        try:
            getattr(self, f"_{action}")(options)
        except KeysUnusable as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"a file cannot be read or written: {error}") from error

    def _create(self, options: dict[str, Any]) -> None:
        header = key_create(_passphrase(twice=True), plain=options["plain"])
        self.stdout.write(f"key {header.fingerprint}, made for {header.made_for} chains: {settings.KEY_FILE}")
        self.stdout.write(f"its public side, which web and workers read: {settings.KEY_PUBLIC_FILE}")
        self.stdout.write("back it up now (`keys backup`): without file or passphrase every coin is lost")

    def _backup(self, options: dict[str, Any]) -> None:
        header = key_backup(_passphrase(), options["target"])
        self.stdout.write(f"key {header.fingerprint}: {options['target']} was written and read back")

    def _restore(self, options: dict[str, Any]) -> None:
        header = key_restore(_passphrase(), options["source"])
        self.stdout.write(f"key {header.fingerprint} is back: {settings.KEY_FILE}")

    def _verify(self, options: dict[str, Any]) -> None:
        path = options["file"] or settings.KEY_FILE
        header, seeds = key_file_read(path, _passphrase())
        if options["file"] is None:
            key_file_check(path)
        count = f", the newest of {len(seeds)}" if len(seeds) > 1 else ""
        self.stdout.write(f"ok: {path} opens, key {header.fingerprint}{count} of {header.made_at}")
        findings = keys_verify(header, seeds, every=options["all"], ask_node=not options["offline"])
        for finding in findings:
            self.stdout.write(f"{finding.state}: {finding.text}")
        bad = [finding for finding in findings if finding.state != "ok"]
        if bad:
            raise CommandError(f"{len(bad)} of {len(findings)} comparisons failed")

    def _rotate(self, options: dict[str, Any]) -> None:
        header, was_cut_off = key_rotate(_passphrase())
        number = len(header.births) - 1
        if was_cut_off:
            self.stdout.write("a rotation that had been cut off was ended, and no other one begun")
        self.stdout.write(f"generation {number}, key {header.fingerprint}: what is new is of it from now on")
        self.stdout.write(f"the public file was written anew, copy it to other hosts: {settings.KEY_PUBLIC_FILE}")
        self.stdout.write(
            "before you start the signer: back the key file up (`keys backup`), earlier backups lack a seed"
        )

    def _passphrase(self, options: dict[str, Any]) -> None:
        old = _passphrase()
        given = options["new_file"]
        new = passphrase_read(given) if given else _asked("new passphrase", twice=True)
        header = key_passphrase_change(old, new)
        self.stdout.write(f"key {header.fingerprint} has the new passphrase; backups still have the one of their time")

    def _show(self, options: dict[str, Any]) -> None:
        content = public_file_read(settings.KEY_PUBLIC_FILE)
        lines = [f"key {content.fingerprint}, made for {content.made_for} chains"]
        if os.access(settings.KEY_FILE, os.R_OK):
            header = header_read(settings.KEY_FILE)
            lines.append(f"{settings.KEY_FILE}: of {header.made_at}, {header.kdf} n={header.n}, {header.cipher}")
        for number, one in enumerate(content.generations):
            if len(content.generations) > 1:
                since = f", since {one.made_at}" if one.made_at else ""
                lines.append(f"generation {number}, key {one.fingerprint}{since}")
            lines += [f"ethereum {one.ethereum}", f"ethereum hot wallet {hot_address_at(one.ethereum)}"]
            lines += [f"bitcoin {descriptor}" for descriptor in one.bitcoin]
        self.stdout.write("\n".join(lines))


def _passphrase(*, twice: bool = False) -> str:
    """Return the passphrase from the environment, or ask for it. Raises KeysLocked."""
    if os.environ.get("MEX_KEY_PASSPHRASE") or os.environ.get("MEX_KEY_PASSPHRASE_FILE"):
        return passphrase_given()
    return _asked("passphrase of the key file", twice=twice)


def _asked(prompt: str, *, twice: bool) -> str:
    if not sys.stdin.isatty():
        raise KeysLocked(f"no {prompt}: set MEX_KEY_PASSPHRASE_FILE, or run this at a terminal")
    first = getpass.getpass(f"{prompt}: ")
    if not first or (twice and getpass.getpass(f"{prompt}, again: ") != first):
        raise KeysLocked("no passphrase, or not the same one twice")
    return first
