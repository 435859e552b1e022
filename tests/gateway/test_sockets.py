"""What all websocket connections share."""

from channels.testing import WebsocketCommunicator

from trading.consumers import UnknownConsumer
from trading.sockets import Socket


class Echo(Socket):
    """A socket that sends back what it gets."""

    async def websocket_connect(self, message: object) -> None:
        await self.accept()

    async def take(self, text: str) -> None:
        self.put(text)


async def test_a_connection_ends_when_its_client_goes() -> None:
    """An application that goes on after a disconnect is kept by the server for ten seconds and then killed."""
    socket = WebsocketCommunicator(Echo.as_asgi(), "/")
    assert (await socket.connect())[0]
    await socket.send_to(text_data="one")
    assert await socket.receive_from() == "one"

    await socket.disconnect()

    assert socket.future.done()


async def test_an_unknown_path_is_refused_and_ends() -> None:
    socket = WebsocketCommunicator(UnknownConsumer.as_asgi(), "/nowhere")

    accepted, code = await socket.connect()

    assert (accepted, code) == (False, 4404)
    await socket.disconnect()
    assert socket.future.done()
