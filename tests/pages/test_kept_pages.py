"""Pages that are kept for a second for visitors who are not logged in, and for nobody else."""

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from mex import page_cache
from trading.models import Market


@pytest.fixture(autouse=True)
def kept_for_long(monkeypatch: pytest.MonkeyPatch, fresh_pages: None) -> None:
    """Keep pages for as long as a test takes."""
    monkeypatch.setattr(page_cache, "KEPT_S", 600.0)


def counting() -> page_cache.View[[]]:
    """Return a view that tells how often it was asked, and fails for ?bad."""
    asked: list[str] = []

    @page_cache.kept_for_anonymous
    def view(request: HttpRequest) -> HttpResponse:
        asked.append(request.get_full_path())
        return HttpResponse(str(len(asked)), status=404 if "bad" in request.GET else 200)

    return view


@pytest.mark.parametrize(
    ("first", "second", "cookies", "texts"),
    [
        ("/", "/", {}, (b"1", b"1")),
        ("/?a=1", "/?a=2", {}, (b"1", b"2")),
        ("/", "/", {"sessionid": "x"}, (b"1", b"2")),
        ("/", "/", {"messages": "x"}, (b"1", b"2")),
        ("/?bad", "/?bad", {}, (b"1", b"2")),
    ],
)
def test_the_same_question_of_nobody_in_particular_has_the_same_answer(
    first: str, second: str, cookies: dict[str, str], texts: tuple[bytes, bytes]
) -> None:
    view, requests = counting(), RequestFactory()
    requests.cookies.load(cookies)

    answers = (view(requests.get(first)), view(requests.get(second)))

    assert tuple(answer.content for answer in answers) == texts


def test_a_kept_page_is_made_anew_when_it_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_cache, "KEPT_S", 0.0)
    view, requests = counting(), RequestFactory()

    assert [view(requests.get("/")).content for _ in range(2)] == [b"1", b"2"]


def test_each_answer_has_headers_of_its_own() -> None:
    view, requests = counting(), RequestFactory()

    first, second = view(requests.get("/")), view(requests.get("/"))
    first["X-Mine"] = "yes"

    assert "X-Mine" not in second
    assert (first["Vary"], second["Vary"]) == ("Cookie", "Cookie")


def test_made_up_queries_fill_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_cache, "_PAGES_MAX", 3)
    view, requests = counting(), RequestFactory()
    for number in range(4):
        view(requests.get(f"/?{number}"))

    assert view(requests.get("/?3")).content == b"4"
    assert view(requests.get("/?0")).content == b"5"


def test_who_is_logged_in_sees_his_own_page(browser: Client) -> None:
    anonymous = Client()
    for path in ("/", f"/trade/{Market.objects.get(symbol='ETHBTC').symbol}"):
        before, mine, after = anonymous.get(path), browser.get(path), anonymous.get(path)
        assert 'id="logout"' in mine.text
        assert 'id="logout"' not in before.text
        assert before.text == after.text
        # A token is of one visitor: a page that has one must not be kept for others.
        assert "csrf" not in before.text
