"""JSON endpoints: from an HTTP request to an operation and back, the same for every API route.

An operation is `async def operation(caller, params)`; REST and the websocket API share operations. `caller` is None for
public ones.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias
from urllib.parse import parse_qsl

import msgspec
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.views.decorators.csrf import csrf_exempt

from accounts import authentication
from accounts.authentication import Caller
from accounts.credentials import credentials
from accounts.throttle import throttle
from mex.errors import BodyTooLong, MexError, ParameterInvalid, TooManyRequests, Unsupported
from mex.limits import HTTP_BODY_BYTES_MAX
from mex.params import Params

log = logging.getLogger(__name__)
Operation: TypeAlias = Callable[[Caller | None, Params], Awaitable[object]]
_WEIGHT = "X-MBX-USED-WEIGHT-1M"


class Endpoint(msgspec.Struct, frozen=True):
    """An operation and what it asks of its caller. `weight` counts against the request budget."""

    operation: Operation
    signed: bool = False
    trade: bool = False
    withdraw: bool = False
    weight: int = 1
    orders: int = 0
    """How many orders it counts as against the order budget."""


def route(url: str, **methods: Endpoint) -> URLPattern:
    """Return the URL pattern of an endpoint for each HTTP method, named in capitals."""

    async def view(request: HttpRequest) -> HttpResponse:
        endpoint = methods.get(request.method or "")
        if endpoint is None:
            return refuse(request.META.get("REMOTE_ADDR", ""), Unsupported(status=405))
        return await answer(request, endpoint)

    return path(url, csrf_exempt(view))


@csrf_exempt
async def unknown(request: HttpRequest) -> HttpResponse:
    """Answer a request for an operation that is not there."""
    return refuse(request.META.get("REMOTE_ADDR", ""), Unsupported(status=404))


async def answer(request: HttpRequest, endpoint: Endpoint) -> HttpResponse:
    """Run an endpoint for an HTTP request; every outcome is JSON."""
    address = request.META.get("REMOTE_ADDR", "")
    headers: Mapping[str, str] = {}
    try:
        weight = throttle.request(address, endpoint.weight)
        headers = {_WEIGHT: str(weight)}
        query, body = _raw_texts(request)
        params = Params(dict(parse_qsl(body, keep_blank_values=True)) | dict(parse_qsl(query, keep_blank_values=True)))
        caller = await _authenticate(request, params, query, body) if endpoint.signed else None
        if caller is not None:
            if endpoint.trade:
                authentication.check_may_trade(caller)
            if endpoint.withdraw:
                authentication.check_may_withdraw(caller)
            if endpoint.orders:
                headers = {**headers, **throttle.order(caller.account, endpoint.orders)}
        result = await endpoint.operation(caller, params)
    except MexError as error:
        # Without headers it is this very request that was one too many.
        return json_error(error, headers or {_WEIGHT: str(throttle.weight_used(address))})
    return HttpResponse(msgspec.json.encode(result), content_type="application/json", headers=dict(headers))


def refuse(address: str, error: MexError) -> HttpResponse:
    """Answer a request that no endpoint takes. It counts as one all the same, and may be one too many."""
    try:
        throttle.request(address, 1)
    except TooManyRequests as too_many:
        error = too_many
    return json_error(error, {_WEIGHT: str(throttle.weight_used(address))})


def json_error(error: MexError, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """Return the one JSON shape of an error."""
    body: dict[str, object] = {"code": error.code, "msg": error.message}
    if error.data is not None:
        body["data"] = error.data
    response = HttpResponse(
        msgspec.json.encode(body), content_type="application/json", status=error.status, headers=dict(headers or {})
    )
    if error.retry_after_s is not None:
        response["Retry-After"] = str(error.retry_after_s)
    return response


def _raw_texts(request: HttpRequest) -> tuple[str, str]:
    # The body is urlencoded whatever the Content-Type says: clients send it under application/json too (docs/api.md).
    try:
        body = request.body
        if len(body) > HTTP_BODY_BYTES_MAX:
            raise BodyTooLong(HTTP_BODY_BYTES_MAX)
        return request.META.get("QUERY_STRING", ""), body.decode()
    except RequestDataTooBig:
        raise BodyTooLong(HTTP_BODY_BYTES_MAX) from None
    except UnicodeDecodeError:
        raise ParameterInvalid("body") from None


async def _authenticate(request: HttpRequest, params: Params, query: str, body: str) -> Caller:
    key = request.headers.get("X-MBX-APIKEY", "")
    authentication.check_key_form(key)
    credential = await credentials.find(key)
    return authentication.authenticate(credential, params, authentication.http_texts(query, body))
