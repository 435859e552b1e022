"""Change a user's password: Django's command, after which the connections of the sessions that end are closed."""

import getpass
from typing import Any

from django.contrib.auth.management.commands import changepassword

from accounts.models import User
from accounts.services import sessions_ended


class Command(changepassword.Command):
    """Ask for a new password twice, and set it."""

    def handle(self, *args: Any, **options: Any) -> str | None:
        """Change the password. The e-mail may be written in any case, as when logging in."""
        user = User.objects.with_email(options["username"] or getpass.getuser())
        said = super().handle(*args, **options | {"username": user.email if user else options["username"]})
        if user is not None:
            sessions_ended(user=user)
        return said
