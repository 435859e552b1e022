"""The demo's parts that need no server; the whole of it runs in tests/e2e."""

import pytest
from django.core.management import CommandError, call_command

from trading.demo.browser import Page
from trading.demo.outcome import DemoFailed, demand, wait_for


def test_without_a_server_the_demo_ends_with_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEX_URL", "http://127.0.0.1:9")

    with pytest.raises(CommandError, match=r"^demo: http://127\.0\.0\.1:9 does not answer: .*refused"):
        call_command("demo")


def test_what_does_not_hold_ends_the_demo() -> None:
    demand(True, "never said")

    with pytest.raises(DemoFailed, match="two and two are five"):
        demand(False, "two and two are five")


def test_waiting_has_an_end_and_says_for_what() -> None:
    answers = iter([None, None, "there"])

    assert wait_for("it", lambda: next(answers), 5) == "there"
    with pytest.raises(DemoFailed, match="waited 0 s for Godot, in vain"):
        wait_for("Godot", lambda: None, 0.01)


def test_a_page_gives_its_hidden_inputs_texts_and_errors() -> None:
    page = Page(
        "http://127.0.0.1/api-keys",
        '<form><input type="hidden" name="csrfmiddlewaretoken" value="t1"><input name="label" value="x"></form>'
        '<code id="new-api-key">abc</code> <p class="field-error">Too short.</p>',
    )

    assert page.hidden == {"csrfmiddlewaretoken": "t1"}
    assert page.texts["new-api-key"] == "abc"
    assert page.errors == ["Too short."]
