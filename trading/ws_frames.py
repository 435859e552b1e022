"""Untrusted websocket frames: JSON text to typed requests, or a MexError."""

from collections.abc import Mapping

import msgspec

from mex.errors import MexError

_STREAM_CHARS_MAX = 128
NO_ID = msgspec.Raw(b"null")


class Frame(msgspec.Struct, frozen=True):
    """A request to the websocket API. `id` is echoed with its type; values keep the text in which they were sent."""

    method: str
    id: msgspec.Raw = NO_ID
    params: Mapping[str, msgspec.Raw] | None = None


class ControlFrame(msgspec.Struct, frozen=True):
    """A control message of a market stream."""

    method: str
    id: int | str | None = None
    params: list[object] | None = None

    def names(self) -> list[str]:
        """Return the names of streams. Raises MexError unless they are short texts."""
        names = [name for name in self.params or [] if isinstance(name, str) and len(name) <= _STREAM_CHARS_MAX]
        if len(names) != len(self.params or []):
            raise MexError(2, "Invalid request: params must be names of streams")
        return names

    def combined(self) -> bool:
        """Return the property "combined" that is to be set."""
        match self.params:
            case ["combined", bool(value)]:
                return value
        raise MexError(0, 'Unknown property: only ["combined", true or false] can be set')


_frames = msgspec.json.Decoder(Frame)
_controls = msgspec.json.Decoder(ControlFrame)
_text = msgspec.json.Decoder(str)
_ID = msgspec.json.Decoder(int | str | None)


def read_frame(text: str) -> Frame:
    """Return the request in a frame. Raises MexError when there is none."""
    try:
        frame = _frames.decode(text)
        _ID.decode(frame.id)
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError) as error:
        raise MexError(-1100, f"A frame must be one JSON object with id, method and params: {error}") from None
    return frame


def read_control(text: str) -> ControlFrame:
    """Return the control message in a frame. Raises MexError when there is none."""
    try:
        return _controls.decode(text)
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError) as error:
        raise MexError(3, f"Invalid JSON: {error}") from None


def texts_of(params: Mapping[str, msgspec.Raw] | None) -> dict[str, str]:
    """Return parameters as texts: a JSON text as it reads, a number or anything else as it was written.

    As written, because that is what the client signed (docs/api.md): 0.0521 must not become 0.05210.
    """
    texts: dict[str, str] = {}
    for name, raw in (params or {}).items():
        written = bytes(raw)
        if written[:1] == b'"':
            texts[name] = _text.decode(written)
        elif written != b"null":
            texts[name] = written.decode().strip()
    return texts
