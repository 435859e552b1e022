"""What a bare Channels consumer echoes: the measure of what the websocket API costs above its server.

`bare` is dispatched as ours are, without a thread; `stock` as Channels does it. Both decode an order and encode it.
"""

from collections.abc import Mapping
from typing import Any

import django
import msgspec
from django.conf import settings

settings.configure(DATABASES={}, INSTALLED_APPS=[])
django.setup()

from channels.consumer import AsyncConsumer  # noqa: E402  # after Django's set-up
from channels.exceptions import StopConsumer  # noqa: E402
from channels.generic.websocket import AsyncWebsocketConsumer  # noqa: E402

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class Bare(AsyncConsumer):
    """Echoes without the thread hop that Channels makes for each message."""

    async def dispatch(self, message: Mapping[str, Any]) -> None:
        """Hand a message over."""
        if message["type"] == "websocket.receive":
            text = _encode(_decode(message["text"])).decode()
            await self.send({"type": "websocket.send", "text": text})
        elif message["type"] == "websocket.connect":
            await self.send({"type": "websocket.accept"})
        elif message["type"] == "websocket.disconnect":
            raise StopConsumer
        else:
            raise ValueError(message["type"])  # the lifespan of a server: refused, it is not asked again


class Stock(AsyncWebsocketConsumer):
    """Echoes as the tutorial does."""

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Echo a frame."""
        await self.send(text_data=_encode(_decode(text_data or "")).decode())


bare = Bare.as_asgi()
stock = Stock.as_asgi()
