"""What the commands of operators share: who they are, what they say of a refusal, and the audit trail."""

import json
import os
import pwd
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User
from mex.errors import MexError
from trading.models import OperatorChange
from trading.rules import differences


class OperatorCommand(BaseCommand):
    """A command that changes what traders meet, through a service, with its user on the audit trail."""

    def add_note(self, parser: CommandParser) -> None:
        """Declare what goes on the audit trail beside the change."""
        parser.add_argument("--note", default="", help="Why, for the audit trail.")

    def add_json(self, parser: CommandParser) -> None:
        """Declare the option to speak to programs."""
        parser.add_argument("--json", action="store_true", help="Print JSON instead of lines.")

    def print_json(self, value: object) -> None:
        """Print something for programs: amounts are decimal texts, as in the API."""
        self.stdout.write(json.dumps(value, indent=1))

    def print_rules(self, rules: dict[str, str], *, as_json: bool) -> None:
        """Print names and values, one a line or as one object."""
        if as_json:
            self.print_json(rules)
            return
        for name, text in rules.items():
            self.stdout.write(f"{name:<18} {text}")

    def print_history(self, changes: Iterable[OperatorChange], *, as_json: bool) -> None:
        """Print who changed what, why and when, the newest first."""
        if as_json:
            self.print_json([_as_json(change) for change in changes])
            return
        for change in changes:
            at = datetime.fromtimestamp(change.time_ms / 1000, tz=UTC).isoformat(" ", "milliseconds")
            note = f"  {change.note}" if change.note else ""
            self.stdout.write(f"{at}  {change.symbol or _email(change.subject)}  {change.actor}{note}")
            for name, before, after in differences(change.before, change.after):
                self.stdout.write(f"    {name}: {before} → {after}" if before else f"    {name}: {after}")


def actor() -> str:
    """Return who runs this process, as the operating system knows him: the environment could say anything."""
    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number} of the machine"


def user_of(email: str) -> User:
    """Return the user with an e-mail. Raises CommandError."""
    user = User.objects.with_email(email)
    if user is None:
        raise CommandError(f"no user has the e-mail {email}")
    return user


@contextmanager
def told() -> Iterator[None]:
    """Turn a refusal into the command's last words, with its code."""
    try:
        yield
    except MexError as refusal:
        raise CommandError(f"{refusal.message} ({refusal.code})") from None


def _email(account: int) -> str:
    user = User.objects.filter(pk=account).only("email").first()
    return user.email if user else f"account {account}"


def _as_json(change: OperatorChange) -> dict[str, Any]:
    return {
        "reference": change.reference,
        "kind": change.kind,
        "subject": change.subject,
        "symbol": change.symbol,
        "actor": change.actor,
        "note": change.note,
        "sequence": change.sequence,
        "time": change.time_ms,
        "changes": {
            name: {"before": before, "after": after} for name, before, after in differences(change.before, change.after)
        },
    }
