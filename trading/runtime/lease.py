"""Who may commit: one engine process per shard.

Safety is the epoch: taking the lease raises it, and every commit checks it (`store.commit`), so a process that was
replaced cannot write any more, whatever it believes. The lease itself is only manners: it keeps a second engine from
taking over while the first one is well.
"""

from django.db import OperationalError

from mex.clock import now_ms
from mex.limits import LEASE_LOAD_MS, LEASE_MS
from trading.models import EngineState
from trading.runtime import locks
from trading.runtime.processes import Known, identity, look_up


class LeaseHeld(Exception):
    """Raised when another engine is alive and holds the lease."""


class LeaseLost(Exception):
    """Raised when another engine has taken over: this process must end without committing anything."""


def take(shard: int) -> int:
    """Take the shard's lease and return the new epoch. Raises LeaseHeld while another engine is alive."""
    _require_free(EngineState.objects.filter(shard=shard).first() or EngineState(shard=shard))
    try:
        with locks.impatient_transaction():
            state = EngineState.objects.select_for_update().get_or_create(shard=shard)[0]
            _require_free(state)
            state.epoch += 1
            state.leader = identity()
            # Loading comes next, and a standby that took over meanwhile would load as long, for ever in turn.
            state.lease_until_ms = now_ms() + LEASE_LOAD_MS
            state.save(update_fields=["epoch", "leader", "lease_until_ms"])
    except OperationalError as error:
        if not locks.is_held(error):
            raise
        state = EngineState.objects.get(shard=shard)
        _require_free(state)
        locks.release(shard, state.leader)
        raise LeaseHeld(
            f"engine {state.leader} is silent, but holds what the next one of shard {shard} needs"
        ) from error
    return int(state.epoch)


def is_led(shard: int) -> bool:
    """Return whether an engine leads the shard and is well."""
    state = EngineState.objects.filter(shard=shard).first()
    return state is not None and _is_well(state)


def is_own(shard: int) -> bool:
    """Return whether the lease is this process's, or was: one that failed while it loaded cannot give it back."""
    state = EngineState.objects.filter(shard=shard).first()
    return state is not None and state.leader == identity()


def renew(shard: int, epoch: int, for_ms: int = LEASE_MS) -> None:
    """Prolong the lease while there is nothing to commit. Raises LeaseLost."""
    if not EngineState.objects.filter(shard=shard, epoch=epoch).update(lease_until_ms=now_ms() + for_ms):
        raise LeaseLost(f"epoch {epoch} of shard {shard} is over")


def release(shard: int, epoch: int) -> None:
    """Give the lease back at a clean end, so that the next engine need not wait."""
    EngineState.objects.filter(shard=shard, epoch=epoch).update(lease_until_ms=0)


def _require_free(state: EngineState) -> None:
    if _is_well(state):
        raise LeaseHeld(f"engine {state.leader} leads shard {state.shard}")


def _is_well(state: EngineState) -> bool:
    return state.lease_until_ms > now_ms() and not _is_gone(state.leader)


def _is_gone(leader: str) -> bool:
    """Return whether the leader ran on this host and does not run any more; then there is no need to wait."""
    return look_up(leader).state is Known.GONE
