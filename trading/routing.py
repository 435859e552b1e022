"""Websocket routes. Any path under /ws and /stream is taken, as clients expect (docs/api.md)."""

from django.urls import path, re_path

from trading.consumers import MarketConsumer, OrderConsumer, UnknownConsumer

websocket_urlpatterns = [
    path("ws-api/v3", OrderConsumer.as_asgi()),
    path("ws", MarketConsumer.as_asgi()),
    path("ws/<path:streams>", MarketConsumer.as_asgi()),
    path("stream", MarketConsumer.as_asgi(), {"combined": True}),
    re_path(r"^.*$", UnknownConsumer.as_asgi()),
]
