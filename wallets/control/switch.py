"""The switches that stop withdrawals: one for everything, one for each asset.

Operators turn them in the admin, and mex itself does when its books and the chains disagree. What waits stays as it is
and goes on when the switch is turned back.
"""

import logging

from django.db import transaction
from django.utils import timezone

from wallets.models import Asset, WithdrawalSwitch

log = logging.getLogger(__name__)
_BECAUSE_CHARS_MAX = 200


def withdrawals_halted(asset: Asset) -> str:
    """Return why nothing of an asset is paid out at the moment, or "" when it is."""
    switch = WithdrawalSwitch.objects.filter(is_halted=True).first()
    if switch is not None:
        return switch.because or "all withdrawals are halted"
    if not asset.takes_withdrawals:
        return asset.closed_because or f"withdrawals of {asset.code} are closed"
    return ""


def halt(asset: Asset | None, because: str) -> bool:
    """Stop the withdrawals of an asset, or all (None), until they are opened again.

    When it returns, no signer is about to sign: what a signer had begun is stored, and what comes later waits. Reasons
    of several halts are kept one after the other; what an operator closed stays his. Returns whether anything changed.
    """
    with transaction.atomic():
        signers_wait(asset)
        changed = _halt_all(because) if asset is None else _halt_one(asset, because)
    if changed:
        log.error("withdrawals of %s are halted: %s", asset.code if asset else "all assets", because)
    return changed


def keep_closed(asset: Asset) -> str:
    """Close the withdrawals of an asset in an operator's name, whether mex has halted them or not.

    mex opens them no more by itself. Returns why mex had halted them, or "".
    """
    with transaction.atomic():
        signers_wait(asset)
        because = Asset.objects.values_list("closed_because", flat=True).get(pk=asset.pk)
        Asset.objects.filter(pk=asset.pk).update(withdrawals_open=False, closed_because="")
    log.warning("withdrawals of %s are kept closed by an operator", asset.code)
    return because


def resume(asset: Asset | None, *, halted_because: str = "") -> bool:
    """Let the withdrawals of an asset, or of all that are open themselves (None), go on. Returns whether they waited.

    halted_because: only if they were halted for exactly this, and nothing else, which is how mex takes back a halt of
    its own; empty for an operator, who may take back any.
    """
    if asset is None:
        switches = WithdrawalSwitch.objects.filter(pk=1, is_halted=True)
        if halted_because:
            switches = switches.filter(because=halted_because)
        changed = switches.update(is_halted=False, because="", changed_at=timezone.now())
    else:
        rows = Asset.objects.filter(pk=asset.pk, withdrawals_open=False)
        if halted_because:
            rows = rows.filter(closed_because=halted_because)
        changed = rows.update(withdrawals_open=True, closed_because="")
    if changed:
        log.warning("withdrawals of %s are resumed", asset.code if asset else "all assets")
    return bool(changed)


def _halt_all(because: str) -> bool:
    switch, _ = WithdrawalSwitch.objects.get_or_create(pk=1)
    reasons = _joined(switch.because, because)
    if switch.is_halted and (reasons == switch.because or not switch.because):
        return False
    switch.is_halted, switch.because, switch.changed_at = True, reasons, timezone.now()
    switch.save(update_fields=["is_halted", "because", "changed_at"])
    return True


def _halt_one(asset: Asset, because: str) -> bool:
    open_, closed_because = Asset.objects.values_list("withdrawals_open", "closed_because").get(pk=asset.pk)
    reasons = _joined(closed_because, because) if not open_ else because[:_BECAUSE_CHARS_MAX]
    if not open_ and (reasons == closed_because or not closed_because):
        return False
    return bool(Asset.objects.filter(pk=asset.pk).update(withdrawals_open=False, closed_because=reasons))


def _joined(old: str, new: str) -> str:
    if new in old:
        return old
    return (f"{old}; {new}" if old else new)[:_BECAUSE_CHARS_MAX]


def signers_wait(asset: Asset | None) -> None:
    """Take the locks under which signers store payments, in the caller's transaction: of a whole chain, or of all.

    They are the assets' own rows: the coin's for nonces and hot funds, and the token's.
    """
    rows = Asset.objects.select_for_update().order_by("pk")
    list(rows if asset is None else rows.filter(chain=asset.chain))
