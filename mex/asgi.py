"""The web process: HTTP and websockets, put together.

`daphne mex.asgi:application`, or `python -m mex.uvicorn_web` (ADR 29). Django's classic middleware is synchronous, and
under an asynchronous handler each of it costs two hops through a thread. So pages cross to a thread once, with all of
it; API requests and static files, which need none, not at all (ADR 7).
"""

import os
from collections.abc import Mapping
from typing import IO, Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mex.settings")

import django
from asgiref.sync import sync_to_async
from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.core.handlers.exception import convert_exception_to_response
from django.http import Http404, HttpRequest, HttpResponseBase
from servestatic.middleware import ServeStaticMiddleware

django.setup(set_prefix=False)

# Models may only be imported now that the applications are loaded.
from accounts import endpoints  # noqa: E402
from mex.body_limit import Receive, Send, bounded, refuse  # noqa: E402
from mex.error_pages import is_api  # noqa: E402
from mex.errors import BodyTooLong, MexError  # noqa: E402
from mex.middleware import POLICY  # noqa: E402
from mex.web_start import web_start  # noqa: E402
from trading.gateway.hub import close_hub  # noqa: E402
from trading.routing import websocket_urlpatterns  # noqa: E402


class PageHandler(ASGIHandler):
    """Django's handler, with all middleware and the view in one hop through a thread."""

    def load_middleware(self, is_async: bool = False) -> None:
        """Chain the middleware as under WSGI."""
        super().load_middleware(is_async=False)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        """Answer a request."""
        return await sync_to_async(self.get_response, thread_sensitive=True)(request)


class ApiHandler(ASGIHandler):
    """Django's handler without middleware."""

    def load_middleware(self, is_async: bool = False) -> None:
        """Let requests reach the view directly; exceptions still become responses."""
        self._view_middleware: list[object] = []
        self._template_response_middleware: list[object] = []
        self._exception_middleware: list[object] = []
        get_response = self._get_response_async  # type: ignore[attr-defined]  # Django's own, not in its stubs
        self._middleware_chain = convert_exception_to_response(get_response)

    def create_request(
        self, scope: Mapping[str, Any], body_file: IO[bytes]
    ) -> tuple[ASGIRequest, None] | tuple[None, HttpResponseBase]:
        """Make a request of what came. A query that is not UTF-8 makes none, and that is told in JSON, too."""
        request, _ = super().create_request(scope, body_file)
        if request is not None:
            return request, None
        address = (scope.get("client") or ("",))[0]
        return None, endpoints.refuse(address, MexError(-1100, "Illegal characters found in the request."))


class StaticHandler(ASGIHandler):
    """Serves the files of static/, and no view."""

    def load_middleware(self, is_async: bool = False) -> None:
        """Let requests reach the files directly; what pages are protected by holds for them, too."""
        files: Any = convert_exception_to_response(ServeStaticMiddleware(_no_file))

        async def serve(request: HttpRequest) -> HttpResponseBase:
            response: HttpResponseBase = await files(request)
            response["Content-Security-Policy"] = POLICY
            response["X-Content-Type-Options"] = "nosniff"
            return response

        self._middleware_chain = serve


async def _no_file(request: HttpRequest) -> HttpResponseBase:
    raise Http404(f"there is no file {request.path}")


pages, api, static = PageHandler(), ApiHandler(), StaticHandler()


async def http(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Serve one HTTP request."""
    path = scope["path"]
    handler = api if is_api(path) else static if path.startswith(settings.STATIC_URL) else pages
    try:
        await handler(scope, bounded(receive), send)
    except BodyTooLong as error:
        await refuse(send, error)


async def lifespan(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """End the hub when the server ends. Daphne asks nobody, and just stops."""
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await close_hub()
    await send({"type": "lifespan.shutdown.complete"})


_sockets = AuthMiddlewareStack(URLRouter(websocket_urlpatterns))


async def websocket(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Serve one websocket. Its frames leave by the server's own `send`: the one of Channels looks into the session
    before each of them, which nothing here changes.
    """
    await _sockets({**scope, "mex.send": send}, receive, send)


application = ProtocolTypeRouter({"http": http, "websocket": websocket, "lifespan": lifespan})

web_start()
