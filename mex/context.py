"""What every template may use."""

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, object]:
    """Return the version, and whether the chains are our own (faucet, test-coin warnings)."""
    return {"mex_version": settings.MEX_VERSION, "is_local": settings.MEX_LOCAL_CHAINS}
