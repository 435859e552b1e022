"""How far a chain has been looked at, and that its node answers."""

from collections.abc import Sequence
from datetime import timedelta

from django.utils import timezone

from wallets.models import ChainCursor

_FRESH = timedelta(seconds=5)
_CLOSE = 8
"""Earlier blocks that are all remembered; then every 2nd, 4th, 8th..., `_CLOSE` of each."""


def cursor_answered(cursor: ChainCursor, tip_height: int) -> None:
    """Note the node's height. Every few seconds is enough: each write costs the engine a turn at the database."""
    now = timezone.now()
    if cursor.tip_height != tip_height or now - cursor.seen_at > _FRESH:
        ChainCursor.objects.filter(pk=cursor.pk).update(tip_height=tip_height, seen_at=now)


def locator_extend(recent: Sequence[Sequence[int | str]], height: int, block_hash: str) -> list[list[int | str]]:
    """Return remembered blocks with one more, thinned out the further they are back.

    A walk back over them finds the common ancestor of any two branches, or a block not much older.
    """
    kept = [list(entry) for entry in recent if _is_kept(int(entry[0]), height)]
    return [*kept, [height, block_hash]]


def _is_kept(height: int, tip: int) -> bool:
    distance = tip - height
    spacing = 1
    while distance > _CLOSE * spacing:
        distance -= _CLOSE * spacing
        spacing *= 2
    return height % spacing == 0
