"""Middleware that belongs to no app."""

from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponseBase

# Everything comes from this origin, and there is no inline script or style. data: is for the icons inside the CSS.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class ContentSecurityPolicy:
    """Adds the policy to every response, in both modes: one that is synchronous only has Django cross threads."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        response = self.get_response(request)
        if isinstance(response, HttpResponseBase):
            response["Content-Security-Policy"] = POLICY
            return response
        return self._later(response)

    async def _later(self, pending: Awaitable[HttpResponseBase]) -> HttpResponseBase:
        response = await pending
        response["Content-Security-Policy"] = POLICY
        return response
