"""Create a user whose e-mail counts as verified."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.services import account_register


class Command(BaseCommand):
    """Create a verified user; end with status 1 and the reason if that is not possible."""

    help = "Create a user whose e-mail counts as verified."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("email")
        parser.add_argument("--password", required=True, help="At least 10 characters, not a common one.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Create the user."""
        try:
            user = account_register(email=options["email"], password=options["password"], verified=True)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        self.stdout.write(f"created user {user.pk}: {user.email}")
