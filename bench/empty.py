"""What a Django view costs that does nothing: the measure of pages and static files.

Django's stock application without middleware. `/` is a plain view, which Django runs in a thread; `/async` needs none.
"""

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

settings.configure(ALLOWED_HOSTS=["127.0.0.1"], DATABASES={}, INSTALLED_APPS=[], MIDDLEWARE=[], ROOT_URLCONF=__name__)
# Without a length Daphne would send chunks.
_HEADERS = {"Content-Length": "0"}


def empty(request: HttpRequest) -> HttpResponse:
    """Answer nothing."""
    return HttpResponse(headers=_HEADERS)


async def empty_async(request: HttpRequest) -> HttpResponse:
    """Answer nothing, on the event loop."""
    return HttpResponse(headers=_HEADERS)


urlpatterns = [path("", empty), path("async", empty_async)]
application = get_asgi_application()
