"""Pages that look alike for everybody who is not logged in, rendered once in a while and kept in the process."""

import time
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

KEPT_S = 1.0
"""How old a page may be. What moves faster comes over the websockets."""
_PAGES_MAX = 1_000

Arguments = ParamSpec("Arguments")
View = Callable[Concatenate[HttpRequest, Arguments], HttpResponse]


def kept_for_anonymous(view: View[Arguments]) -> View[Arguments]:
    """Let a view answer visitors without a session with what it answered the last one, for a second.

    To be put on views that need no CSRF token for them, and whose answer depends on path and query alone. A message for
    the visitor (django.contrib.messages) keeps its cookie, so whoever has any cookie but the theme's is not anonymous.
    """
    pages: dict[str, tuple[float, HttpResponse]] = {}

    @wraps(view)
    def answer(request: HttpRequest, *args: Arguments.args, **kwargs: Arguments.kwargs) -> HttpResponse:
        if request.method != "GET" or settings.SESSION_COOKIE_NAME in request.COOKIES or "messages" in request.COOKIES:
            return view(request, *args, **kwargs)
        key, now = request.get_full_path(), time.monotonic()
        kept = pages.get(key)
        if kept is None or kept[0] <= now:
            page = view(request, *args, **kwargs)
            if page.status_code != 200:
                return page
            if len(pages) >= _PAGES_MAX:
                pages.clear()  # somebody makes up queries
            kept = pages[key] = (now + KEPT_S, page)
        page = kept[1]
        # Each answer is an object of its own: middleware adds to its headers.
        copy = HttpResponse(page.content, content_type=page["Content-Type"])
        patch_vary_headers(copy, ["Cookie"])
        return copy

    return answer
