"""What assets say about their network: confirmations and explorer links, as the profile in MEX_NETWORK has them.

A new database is seeded for local chains. When mex is set up for other ones, workers adapt what nobody has changed yet
at their start, and `manage.py network --apply` does it to all, whatever an operator has set.
"""

from django.conf import settings

from mex.networks import LOCAL, asset_defaults
from wallets.models import Asset


def network_differences() -> dict[str, dict[str, tuple[object, object]]]:
    """Return, by asset, the columns that are not as the profile has them: what they are, and what they would be."""
    found = {}
    for asset in Asset.objects.all():
        wanted = asset_defaults(settings.MEX_NETWORK, chain=asset.chain, code=asset.code)
        different = {
            name: (getattr(asset, name), value) for name, value in wanted.items() if getattr(asset, name) != value
        }
        if different:
            found[asset.code] = different
    return found


def network_apply() -> list[str]:
    """Give every asset what the profile has, and return the codes of those that changed."""
    changed = network_differences()
    for code, columns in changed.items():
        _change(Asset.objects.get(code=code), {name: value for name, (_, value) in columns.items()})
    return list(changed)


def network_defaults_apply() -> None:
    """Give assets that still are as they were seeded for local chains what the configured network needs."""
    if settings.MEX_NETWORK == LOCAL:
        return
    for asset in Asset.objects.all():
        local = asset_defaults(LOCAL, chain=asset.chain, code=asset.code)
        if all(getattr(asset, name) == value for name, value in local.items()):
            _change(asset, asset_defaults(settings.MEX_NETWORK, chain=asset.chain, code=asset.code))


def _change(asset: Asset, columns: dict[str, object]) -> None:
    needed = columns.get("confirmations")
    if asset.large_confirmations is not None and isinstance(needed, int):
        # Large deposits never wait less long than others.
        columns["large_confirmations"] = max(asset.large_confirmations, needed)
    Asset.objects.filter(pk=asset.pk).update(**columns)
