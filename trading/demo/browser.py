"""A browser as far as the demo needs one: cookies, forms with their CSRF token, and texts found by their id."""

import urllib.error
import urllib.request
from html.parser import HTMLParser
from http.cookiejar import CookieJar
from urllib.parse import urlencode

from trading.demo.outcome import DemoFailed

_TIMEOUT_S = 30.0
_TOKEN = "csrfmiddlewaretoken"


class Page(HTMLParser):
    """What a page says: values of hidden inputs by name, and texts of elements by id."""

    def __init__(self, url: str, text: str) -> None:
        super().__init__()
        self.url = url
        self.hidden: dict[str, str] = {}
        self.texts: dict[str, str] = {}
        self.errors: list[str] = []
        self._inside: str | None = None
        self._inside_error = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note hidden inputs, and which element the next text is in."""
        values = {name: value or "" for name, value in attrs}
        if tag == "input" and values.get("type") == "hidden":
            self.hidden[values.get("name", "")] = values.get("value", "")
        self._inside = values.get("id")
        self._inside_error = "error" in values.get("class", "") or "invalid-feedback" in values.get("class", "")

    def handle_endtag(self, tag: str) -> None:
        """Leave the element."""
        self._inside = None

    def handle_data(self, data: str) -> None:
        """Keep the first text of an element with an id, and whatever looks like an error."""
        if self._inside is not None:
            self.texts.setdefault(self._inside, data.strip())
        if self._inside_error and data.strip():
            self.errors.append(data.strip())


class Browser:
    """One person's browser at an instance of mex."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(CookieJar())
        )

    def open(self, path: str) -> Page:
        """Return a page. Raises DemoFailed."""
        return self._fetch(path, None)

    def submit(self, path: str, form: dict[str, str], *, token_from: str | None = None) -> Page:
        """Fill in the form at `path` (or one on the page `token_from`) and return the page that follows."""
        page = self.open(token_from or path)
        if _TOKEN not in page.hidden:
            raise DemoFailed(f"there is no form on {page.url}")
        return self._fetch(path, {_TOKEN: page.hidden[_TOKEN], **form})

    def _fetch(self, path: str, form: dict[str, str] | None) -> Page:
        data = None if form is None else urlencode(form).encode()
        request = urllib.request.Request(self._url + path, data, {"Referer": self._url + path})
        try:
            with self._opener.open(request, timeout=_TIMEOUT_S) as response:
                return Page(response.url, response.read().decode())
        except urllib.error.HTTPError as error:
            raise DemoFailed(f"{request.get_method()} {path} answered {error.code}") from None
        except OSError as error:
            raise DemoFailed(f"{self._url} does not answer: {error}") from None
