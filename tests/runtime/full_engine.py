"""An engine on a full disk: `python -m tests.runtime.full_engine`.

It is `manage.py run_engine`, but while there is a file named `full` beside the database, what it writes finds no room.
"""

from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import execute_from_command_line  # noqa: E402
from django.db.backends.signals import connection_created  # noqa: E402

from tests.runtime.full_disk import limit_pages  # noqa: E402


def fill(**_: Any) -> None:
    """Let a new connection find no room."""
    if (settings.MEX_DATA / "full").exists():
        limit_pages(1)


if __name__ == "__main__":
    connection_created.connect(fill)
    execute_from_command_line(["manage.py", "run_engine"])
