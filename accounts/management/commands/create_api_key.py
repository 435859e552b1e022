"""Create an API key; its secret is shown this once."""

import json
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User
from accounts.services import api_key_create

PERMISSIONS = ("read", "trade", "withdraw")


class Command(BaseCommand):
    """Create an API key for a user."""

    help = "Create an API key and show it with its secret, which cannot be shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        # A key of a local chain moves coins that are worth nothing, and whoever tries mex out wants to try all of it.
        # Everywhere else withdrawing has to be asked for.
        default = "read,trade,withdraw" if settings.MEX_LOCAL_CHAINS else "read,trade"
        parser.add_argument("email")
        parser.add_argument(
            "--permissions",
            default=default,
            help="Comma-separated: read, trade, withdraw. Every key may read. Default here: %(default)s.",
        )
        parser.add_argument("--label", default="command line", help="The key's name on its owner's page.")
        parser.add_argument("--json", action="store_true", help="Say nothing but one line of JSON: api_key and secret.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Create the key."""
        granted = {word.strip() for word in options["permissions"].split(",") if word.strip()}
        unknown = sorted(granted.difference(PERMISSIONS))
        if unknown:
            raise CommandError(f"unknown permission {unknown[0]!r}; there are: {', '.join(PERMISSIONS)}")
        user = User.objects.with_email(options["email"])
        if user is None:
            raise CommandError(f"no user has the e-mail {options['email']}")
        try:
            key, secret = api_key_create(
                user=user, label=options["label"], can_trade="trade" in granted, can_withdraw="withdraw" in granted
            )
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        if options["json"]:
            self.stdout.write(json.dumps({"api_key": key.key, "secret": secret}))
        else:
            self.stdout.write(f"API key: {key.key}\nsecret:  {secret}")
