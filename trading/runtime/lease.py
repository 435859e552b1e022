"""Who may commit: one engine process per shard.

Safety is the epoch: taking the lease raises it, and every commit checks it (`store.commit`), so a process that was
replaced cannot write any more, whatever it believes. The lease itself is only manners: it keeps a second engine from
taking over while the first one is well.
"""

import os
import socket
from pathlib import Path

from django.db import transaction

from mex.clock import now_ms
from mex.limits import LEASE_LOAD_MS, LEASE_MS
from trading.models import EngineState


class LeaseHeld(Exception):
    """Raised when another engine is alive and holds the lease."""


class LeaseLost(Exception):
    """Raised when another engine has taken over: this process must end without committing anything."""


def identity() -> str:
    """Return "host:pid:start", which no other process ever shares."""
    return f"{socket.gethostname()}:{os.getpid()}:{_start_of(os.getpid())}"


def take(shard: int) -> int:
    """Take the shard's lease and return the new epoch. Raises LeaseHeld while another engine is alive."""
    with transaction.atomic():
        state = EngineState.objects.select_for_update().get_or_create(shard=shard)[0]
        if state.lease_until_ms > now_ms() and not _is_gone(state.leader):
            raise LeaseHeld(f"engine {state.leader} leads shard {shard}")
        state.epoch += 1
        state.leader = identity()
        # Loading comes next, and a standby that took over meanwhile would load as long, for ever in turn.
        state.lease_until_ms = now_ms() + LEASE_LOAD_MS
        state.save(update_fields=["epoch", "leader", "lease_until_ms"])
    return int(state.epoch)


def renew(shard: int, epoch: int) -> None:
    """Prolong the lease while there is nothing to commit. Raises LeaseLost."""
    if not EngineState.objects.filter(shard=shard, epoch=epoch).update(lease_until_ms=now_ms() + LEASE_MS):
        raise LeaseLost(f"epoch {epoch} of shard {shard} is over")


def release(shard: int, epoch: int) -> None:
    """Give the lease back at a clean end, so that the next engine need not wait."""
    EngineState.objects.filter(shard=shard, epoch=epoch).update(lease_until_ms=0)


def _is_gone(leader: str) -> bool:
    """Return whether the leader ran on this host and does not run any more; then there is no need to wait."""
    host, _, rest = leader.rpartition(":")[0].rpartition(":")
    start = leader.rpartition(":")[2]
    return host == socket.gethostname() and rest.isdigit() and _start_of(int(rest)) != start


def _start_of(pid: int) -> str:
    """Return when a process started, in clock ticks since boot, or "" when there is none (proc(5), field 22)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]
