"""Answers to requests that no view answered: JSON for API paths, pages for people."""

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.views import defaults

API_PREFIXES = ("/api/", "/sapi/", "/fapi/", "/dapi/")
"""What of these no other route takes is answered by accounts/endpoints.py, too: see mex/urls.py."""


def is_api(path: str) -> bool:
    """Return whether a path belongs to the API, where every answer is JSON."""
    return path.startswith(API_PREFIXES)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer a request that is malformed."""
    if is_api(request.path):
        return _error(400, -1100, "Illegal characters found in the request.")
    return defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer a request that is not allowed."""
    if is_api(request.path):
        return _error(403, -1002, "You are not authorized to execute this request.")
    return defaults.permission_denied(request, exception)


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Answer a request that broke something; the log has the cause."""
    if is_api(request.path):
        return _error(500, -1000, "An unknown error occurred while processing the request.")
    return defaults.server_error(request)


def _error(status: int, code: int, message: str) -> HttpResponse:
    return JsonResponse({"code": code, "msg": message}, status=status)
