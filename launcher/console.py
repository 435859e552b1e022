"""What the launcher tells whoever started it.  [standard library only]"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


def say(text: str) -> None:
    """Write one line, at once. A reader who went away does not end the server."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # `script/server | head -1`: from now on there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def step(text: str) -> Iterator[None]:
    """Say what is being done before it is done, and how long it took if that was more than two seconds."""
    say(f"mex: {text} …")
    started_s = time.monotonic()
    yield
    took_s = time.monotonic() - started_s
    if took_s > 2:
        say(f"mex: {text}: done in {took_s:.0f} s")
