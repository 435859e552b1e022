"""Websockets: /ws-api/v3 for orders and private events, /ws and /stream for market data.

Consumers parse, check, hand over and return: nobody waits here for the engine or the database.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from accounts import authentication
from accounts.authentication import Caller
from accounts.credentials import credentials
from accounts.throttle import throttle
from mex.clock import now_ms
from mex.errors import AnswerUnknown, EngineBusy, KeyMalformed, MexError, TooManyOrders, TooManyRequests, Unsupported
from mex.limits import FRAME_BYTES_MAX, IN_FLIGHT_PER_CONNECTION_MAX, SUBSCRIPTIONS_PER_CONNECTION_MAX
from mex.params import Params
from trading.gateway import budgets
from trading.gateway.client import Done, lessens_risk
from trading.gateway.hub import Hub, get_hub
from trading.orders_api import Submission
from trading.sockets import GOING_AWAY, NOT_FOUND, TOO_BIG, Socket
from trading.ws_frames import NO_ID, ControlFrame, read_control, read_frame, texts_of
from trading.ws_methods import METHODS, Kind, Method

log = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode


class UnknownConsumer(Socket):
    """Closes connections to paths that do not exist."""

    async def websocket_connect(self, message: Mapping[str, Any]) -> None:
        """Refuse the handshake."""
        await self.send({"type": "websocket.close", "code": NOT_FOUND})


class Subscription:
    """One account's events on one connection."""

    def __init__(self, socket: Socket, number: int, account: int, *, is_browser: bool) -> None:
        self.number = number
        self.account = account
        self._socket = socket
        self._is_browser = is_browser

    def account_event(self, text: bytes) -> None:
        """Pass on one event of the user data stream."""
        self._socket.put(f'{{"subscriptionId":{self.number},"event":{text.decode()}}}')

    def browser_event(self, text: bytes) -> None:
        """Pass on one event that bots do not know."""
        if self._is_browser:
            self.account_event(text)

    def events_missed(self) -> None:
        """Close: this stream has no numbers by which the client could see that it misses something."""
        self._socket.close(GOING_AWAY)


class OrderConsumer(Socket):
    """The websocket API: signed requests, or a browser's session; answers come with the request's id."""

    hub: Hub

    async def websocket_connect(self, message: Mapping[str, Any]) -> None:
        """Accept a connection; one that comes with a session must come from our own pages."""
        self._address = (self.scope.get("client") or ("", 0))[0]
        self._session: Caller | None = None
        self._in_flight = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._subscriptions: dict[int, Subscription] = {}
        self._last_subscription = -1
        self._let_in_by: set[str | int] = set()
        query = parse_qs(self.scope["query_string"].decode("latin-1"))
        self._tell_limits = query.get("returnRateLimits", ["true"])[0] != "false"
        user = self.scope.get("user")
        if user is not None and user.is_authenticated:
            if not _is_same_origin(self.scope["headers"]):
                await self.refuse()
                return
            self._session = Caller(account=user.pk, can_trade=True, can_withdraw=False)
        self.hub = await get_hub()
        if self._session is not None:
            self._admit(self._session.account)
        await self.accept()

    def text_of_binary(self, frame: bytes) -> str | None:
        """Answer that frames must be text."""
        self._fail(MexError(-1100, "Frames must be text: one JSON object with id, method and params."))
        return None

    async def take(self, text: str) -> None:
        """Take one request and go on; its answer follows."""
        if len(text) > FRAME_BYTES_MAX:
            self._fail(MexError(-1100, f"A frame must not be longer than {FRAME_BYTES_MAX} bytes."))
            self.close(TOO_BIG)
            return
        try:
            frame = read_frame(text)
        except MexError as error:
            self._fail(error)
            return
        params = Params(texts_of(frame.params))
        answer = _Answer(self, frame.id, params.texts)
        try:
            await self._run(frame.method, params, answer)
        except TooManyRequests as error:
            answer.weight = throttle.weight_used(self._address)
            answer.fail(error)
        except MexError as error:
            answer.fail(error)
        except Exception as error:  # noqa: BLE001  # it is logged, and answered: nobody waits for ever
            answer.fail_unknown("a request", error)

    async def _run(self, name: str, params: Params, answer: "_Answer") -> None:
        method = METHODS.get(name.removeprefix("v3/"))
        if method is None:
            answer.weight = throttle.request(self._address, 1)
            raise Unsupported()
        answer.weight = throttle.request(self._address, method.weight)
        if method.orders and self.hub.is_behind:
            raise EngineBusy()
        caller = await self._caller(params, method) if method.signed else None
        if caller is not None and method.trade:
            authentication.check_may_trade(caller)
        if method.kind is Kind.SUBMIT:
            assert caller is not None
            if method.orders:
                try:
                    answer.orders = throttle.order(caller.account, method.orders)
                except TooManyOrders:
                    answer.orders = throttle.orders_used(caller.account)
                    raise
            self._submit(method.prepare(caller, params, self.hub.catalog), answer)
        elif method.kind is Kind.READ:
            self._read(method, caller, params, answer)
        else:
            getattr(self, f"_{method.kind.value}")(caller, params, answer)

    async def _caller(self, params: Params, method: Method) -> Caller:
        if not params.has("apiKey"):
            if self._session is None:
                raise KeyMalformed()
            return self._session
        key = params.text("apiKey")
        authentication.check_key_form(key)
        credential = await credentials.find(key)
        texts = authentication.frame_texts(params.texts)
        return authentication.authenticate(credential, params, texts)

    # --- requests ----------------------------------------------------------------------------------

    def _submit(self, submission: Submission, answer: "_Answer") -> None:
        self._count_in(is_urgent=lessens_risk(submission.command))

        def on_done(done: Done | None) -> None:
            self._in_flight -= 1
            try:
                if done is None:
                    raise AnswerUnknown()
                answer.succeed(submission.render(done))
            except MexError as error:
                answer.fail(error)

        try:
            self.hub.client.submit(submission.command, on_done)
        except MexError:
            self._in_flight -= 1
            raise

    def _read(self, method: Method, caller: Caller | None, params: Params, answer: "_Answer") -> None:
        self._count_in(is_urgent=False)

        async def read() -> None:
            try:
                answer.succeed(await method.operation(caller, params))
            except MexError as error:
                answer.fail(error)
            finally:
                self._in_flight -= 1

        task = asyncio.create_task(read())
        self._tasks.add(task)
        task.add_done_callback(partial(self._read_ended, answer))

    def _read_ended(self, answer: "_Answer", task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            answer.fail_unknown("a read", task.exception())

    def _count_in(self, *, is_urgent: bool) -> None:
        room = 2 * IN_FLIGHT_PER_CONNECTION_MAX if is_urgent else IN_FLIGHT_PER_CONNECTION_MAX
        if self._in_flight >= room:
            raise EngineBusy()
        self._in_flight += 1

    # --- subscriptions -----------------------------------------------------------------------------

    def _subscribe(self, caller: Caller | None, params: Params, answer: "_Answer") -> None:
        assert caller is not None
        if any(found.account == caller.account for found in self._subscriptions.values()):
            raise MexError(-2035, "User Data Stream subscription already active.")
        self._last_subscription += 1
        is_browser = not params.has("apiKey")
        subscription = Subscription(self, self._last_subscription, caller.account, is_browser=is_browser)
        # The answer first: clients take the next frame for it.
        answer.succeed({"subscriptionId": subscription.number})
        self._subscriptions[subscription.number] = subscription
        self.hub.listen(caller.account, subscription)
        if not is_browser:
            self._admit(params.text("apiKey"))

    def _unsubscribe(self, caller: Caller | None, params: Params, answer: "_Answer") -> None:
        if params.has("subscriptionId"):
            numbers = [params.integer("subscriptionId")]
        else:
            numbers = list(self._subscriptions)
        answer.succeed({})
        for number in numbers:
            subscription = self._subscriptions.pop(number, None)
            if subscription is not None:
                self.hub.unlisten(subscription.account, subscription)
                ended = {"e": "eventStreamTerminated", "E": now_ms()}
                subscription.account_event(_encode(ended))

    def _subscriptions_told(self, caller: Caller | None, params: Params, answer: "_Answer") -> None:
        answer.succeed([{"subscriptionId": number} for number in self._subscriptions])

    def _admit(self, by: str | int) -> None:
        self._let_in_by.add(by)
        self.hub.admit(by, self)

    def dismissed(self) -> None:
        """Close: a key was revoked, or a session of the account has ended, and it may be the one used here."""
        self.close(GOING_AWAY)

    def gone(self) -> None:
        """Let go of subscriptions and of reads that nobody waits for any more."""
        for by in self._let_in_by:
            self.hub.leave(by, self)
        self._let_in_by.clear()
        for subscription in self._subscriptions.values():
            self.hub.unlisten(subscription.account, subscription)
        self._subscriptions.clear()
        for task in self._tasks:
            task.cancel()

    # --- answers -----------------------------------------------------------------------------------

    def _fail(self, error: MexError) -> None:
        """Answer a frame that is no request. It counts as one all the same, and may be one too many."""
        answer = _Answer(self, NO_ID, {})
        try:
            throttle.request(self._address, 1)
        except TooManyRequests as too_many:
            error = too_many
        answer.weight = throttle.weight_used(self._address)
        answer.fail(error)

    @property
    def tells_limits(self) -> bool:
        """Return whether answers carry the rate limits unless the request says otherwise."""
        return self._tell_limits


class _Answer:
    """The answer to one request: said once. `weight` and `orders` are what is used of the budgets with it."""

    __slots__ = ("_id", "_limits", "_socket", "orders", "weight")

    def __init__(self, socket: OrderConsumer, request_id: msgspec.Raw, texts: Mapping[str, str]) -> None:
        self._socket = socket
        self._id = request_id
        wanted = texts.get("returnRateLimits", "")
        self._limits = wanted != "false" if wanted else socket.tells_limits
        self.weight = 0
        self.orders: Mapping[str, str] | None = None

    def succeed(self, result: object) -> None:
        """Answer with a result."""
        self._put({"id": self._id, "status": 200, "result": result})

    def fail(self, error: MexError) -> None:
        """Answer with an error; the connection stays."""
        told: dict[str, object] = {"code": error.code, "msg": error.message}
        if error.retry_after_s is not None:
            now = now_ms()
            told["data"] = {"serverTime": now, "retryAfter": now + 1000 * error.retry_after_s}
        elif error.data is not None:
            told["data"] = error.data
        self._put({"id": self._id, "status": error.status, "error": told})

    def fail_unknown(self, what: str, error: BaseException | None) -> None:
        """Answer that something went wrong that is not the client's matter; the log tells what."""
        log.error("%s failed", what, exc_info=error)
        self.fail(MexError(-1000, "An unknown error occurred while processing the request.", status=500))

    def _put(self, answer: dict[str, object]) -> None:
        if self._limits:
            answer["rateLimits"] = budgets.used(self.weight, self.orders)
        self._socket.put(_encode(answer).decode())


class MarketConsumer(Socket):
    """Public streams, raw under /ws or wrapped with their names under /stream. Takes anybody, from anywhere."""

    hub: Hub

    async def websocket_connect(self, message: Mapping[str, Any]) -> None:
        """Accept, and subscribe to the streams that the URL names."""
        route = self.scope["url_route"]["kwargs"]
        self._streams: set[str] = set()
        self._is_combined = bool(route.get("combined"))
        self.hub = await get_hub()
        await self.accept()
        query = parse_qs(self.scope["query_string"].decode("latin-1"))
        named = query.get("streams", [""])[0] if self._is_combined else route.get("streams") or ""
        self._add(name for name in named.split("/")[:SUBSCRIPTIONS_PER_CONNECTION_MAX] if name)

    def text_of_binary(self, frame: bytes) -> str | None:
        """Answer that frames must be text."""
        self._say({"error": {"code": 2, "msg": "Invalid request: frames must be text"}, "id": None})
        return None

    async def take(self, text: str) -> None:
        """Take a control message."""
        if len(text) > FRAME_BYTES_MAX:
            self._say({"error": {"code": 2, "msg": "Invalid request: frame too long"}, "id": None})
            self.close(TOO_BIG)
            return
        request_id: object = None
        try:
            frame = read_control(text)
            request_id = frame.id
            result = self._control(frame)
        except MexError as error:
            self._say({"error": {"code": error.code, "msg": error.message}, "id": request_id})
            return
        self._say({"result": result, "id": request_id})

    def feed(self, stream: str, text: bytes) -> None:
        """Pass on one event of a stream."""
        event = text.decode()
        self.put(f'{{"stream":"{stream}","data":{event}}}' if self._is_combined else event)

    def feeds_broken(self) -> None:
        """Close: the sequence of updates starts anew."""
        self._streams.clear()
        self.close(GOING_AWAY)

    def gone(self) -> None:
        """Let go of all streams."""
        self._remove(tuple(self._streams))

    def _control(self, frame: ControlFrame) -> object:
        if frame.method == "SUBSCRIBE":
            self._add(frame.names())
        elif frame.method == "UNSUBSCRIBE":
            self._remove(frame.names())
        elif frame.method == "LIST_SUBSCRIPTIONS":
            return sorted(self._streams)
        elif frame.method == "SET_PROPERTY":
            self._is_combined = frame.combined()
        elif frame.method == "GET_PROPERTY":
            return self._is_combined
        else:
            raise MexError(2, f"Invalid request: unknown method {frame.method[:40]!r}")
        return None

    def _add(self, streams: Any) -> None:
        for stream in streams:
            if stream in self._streams:
                continue
            if len(self._streams) >= SUBSCRIPTIONS_PER_CONNECTION_MAX:
                raise MexError(2, f"Invalid request: at most {SUBSCRIPTIONS_PER_CONNECTION_MAX} streams")
            self._streams.add(stream)
            self.hub.feeds.subscribe(stream, self)

    def _remove(self, streams: Sequence[str]) -> None:
        for stream in streams:
            self._streams.discard(stream)
            self.hub.feeds.unsubscribe(stream, self)

    def _say(self, answer: dict[str, object]) -> None:
        self.put(_encode(answer).decode())


def _is_same_origin(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    found = dict(headers)
    origin = urlsplit(found.get(b"origin", b"").decode("latin-1"))
    return bool(origin.netloc) and origin.netloc == found.get(b"host", b"").decode("latin-1")
