"""manage.py loadtest: offers more and more orders until an objective breaks, says why, and verifies what was kept."""

import argparse
import signal
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from loadtest import controller, options

_INTERRUPTED = 130


class Command(BaseCommand):
    """Run a load test; end with status 1 when something acknowledged is not kept, or the audit is not clean."""

    help = "Find out how many orders a second an instance on this machine takes, and what limits it."

    def add_arguments(self, parser: CommandParser) -> None:
        options.add_arguments(parser)
        self._parser = parser

    def handle(self, *args: Any, **given: Any) -> None:
        chosen = argparse.Namespace(**{name: given[name] for name in options.names(self._parser)})
        options.check(self._parser, chosen)
        # Whoever asks it to end, it ends what it started and verifies what was acknowledged. What a shell starts in the
        # background ignores Ctrl-C otherwise.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler)
        try:
            code = controller.run(chosen, sys.stdout)
        except controller.LoadTestFailed as error:
            raise CommandError(f"loadtest: {error}", returncode=2) from error
        except KeyboardInterrupt:
            raise CommandError("loadtest: interrupted before or after the course", returncode=_INTERRUPTED) from None
        sys.exit(code)
