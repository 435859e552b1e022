"""Websocket routes. Any path under /ws and /stream is taken, as clients expect (docs/api.md)."""

from django.urls import path, re_path

from trading.consumers import MarketConsumer, OrderConsumer, UnknownConsumer

websocket_urlpatterns = [
    path("ws-api/v3", OrderConsumer.as_asgi()),
    re_path(r"^ws(?:/(?P<streams>.*))?$", MarketConsumer.as_asgi()),
    re_path(r"^stream(?:/.*)?$", MarketConsumer.as_asgi(), {"combined": True}),
    re_path(r"^.*$", UnknownConsumer.as_asgi()),
]
