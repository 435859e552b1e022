"""Every read about who someone is."""

from django.http import Http404

from accounts.models import ApiKey, User


def api_keys_of(user: User) -> list[ApiKey]:
    """Return a user's keys, newest first, revoked ones last."""
    keys = ApiKey.objects.filter(user=user).order_by("-id")
    return sorted(keys, key=lambda key: key.revoked_at is not None)


def api_key_of(*, user: User, key_id: int) -> ApiKey:
    """Return one key of a user. Raises Http404 when it does not exist or is someone else's."""
    key = ApiKey.objects.filter(user=user, pk=key_id).first()
    if key is None:
        raise Http404("no such key")
    return key
