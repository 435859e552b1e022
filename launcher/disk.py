"""The disk of an instance's folder: told when it runs out of room, and when there is room again."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mex.outages import is_disk_full

LOW_BYTES = 64 * 1024 * 1024
"""bitcoind ends itself when less than 50 MiB are free; mex needs a few for each thousand orders."""

WELL_BYTES = 96 * 1024 * 1024
"""What must be free before it is said that there is room again."""

QUIET_S = 15.0
"""And so long nothing may have been refused: bytes are not all that a disk, or a user's share of it, can run out of."""


class Disk:
    """The disk that a folder is on, or is going to be on. What is said goes to the console, not to that disk."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._say = say
        self._is_low = False
        self._refused_s = -QUIET_S

    def look(self) -> bool:
        """Look how much is free, say what is new about it, and return whether there is room again."""
        free = self._free()
        if free < LOW_BYTES:
            self._tell_low(free)
        elif self._is_low and free > WELL_BYTES and time.monotonic() - self._refused_s > QUIET_S:
            self._is_low = False
            self._say(f"mex: the disk of {self._folder} has room again: {free // 1024**2} MiB are free")
            return True
        return False

    @contextmanager
    def waiting_for_room(self) -> Iterator[None]:
        """Give up what does not work because the disk is full; it is done another time."""
        try:
            yield
        except OSError as error:
            if not is_disk_full(error):
                raise
            self._refused_s = time.monotonic()
            self._tell_low(self._free())

    def _free(self) -> int:
        return shutil.disk_usage(self._folder).free

    def _tell_low(self, free: int) -> None:
        if self._is_low:
            return
        self._is_low = True
        self._say(
            f"mex: the disk of {self._folder} is full, or nearly: {free // 1024**2} MiB are free. What finds no room "
            "ends or waits, and goes on by itself when there is some"
        )
