"""Somebody with a browser of his own: headless Chromium, used as people do, by what the pages show."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.e2e.waiting import wait_for

CHROMIUM = Path(os.environ.get("MEX_TEST_CHROMIUM", "/usr/bin/chromium"))
CHROMEDRIVER = Path(os.environ.get("MEX_TEST_CHROMEDRIVER", "/usr/bin/chromedriver"))
PASSWORD = "correct horse battery staple"
_FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync --disable-quic --window-size=1440,1000"
)
_WATCH = """
const [selector, names] = arguments;
window.mexHistory = [];
const look = () => {
  const row = document.querySelector(selector);
  if (!row) return;
  const state = [row.dataset.status, row.querySelector("[data-confirmations]").textContent.trim()];
  if (window.mexHistory.at(-1)?.join() !== state.join()) window.mexHistory.push(state);
};
const all = { subtree: true, childList: true, attributes: true, characterData: true };
new MutationObserver(look).observe(document.body, all);
look();
"""


class Visitor:
    """One browser with its own profile, at one instance. What is waited for fails after a generous time."""

    def __init__(self, url: str, profile: Path) -> None:
        for program in (CHROMIUM, CHROMEDRIVER):
            assert program.exists(), f"the browser tests need {program}: script/test installs Chromium and its driver"
        self.url = url
        options = ChromeOptions()
        options.binary_location = str(CHROMIUM)
        for flag in [*_FLAGS.split(), f"--user-data-dir={profile}"]:
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self._driver = Chrome(options=options, service=ChromeService(str(CHROMEDRIVER)))
        self._complaints: list[str] = []

    def close(self) -> None:
        """End the browser and its driver."""
        self._driver.quit()

    # --- pages -----------------------------------------------------------------------------------

    def open(self, path: str) -> None:
        """Open a page."""
        self._note_console()
        self._driver.get(self.url + path)

    @property
    def path(self) -> str:
        """The path of the page that is open."""
        return str(self._driver.current_url).removeprefix(self.url)

    def source(self) -> str:
        """Return the page as it is now."""
        return str(self._driver.page_source)

    def mark(self) -> None:
        """Leave a mark in the page, which a reload would wipe out."""
        self._driver.execute_script("window.mexMark = true")

    def is_marked(self) -> bool:
        """Return whether the page has not been loaded anew since `mark`."""
        return bool(self._driver.execute_script("return window.mexMark === true"))

    def console(self) -> list[str]:
        """Return what the pages complained about in the console so far: errors, and violations of their policy."""
        self._note_console()
        return self._complaints

    # --- what is on a page -----------------------------------------------------------------------

    def find(self, selector: str) -> list[WebElement]:
        """Return the elements that a CSS selector matches now."""
        return list(self._driver.find_elements(By.CSS_SELECTOR, selector))

    def see(self, selector: str, text: str = "") -> str:
        """Wait until an element with some text is shown, and return all its text."""

        def look() -> str | None:
            shown = [one.text for one in self.find(selector) if one.is_displayed()]
            return next((one for one in shown if one and text in one), None)

        return self._wait(f"{text!r} in {selector}", look)

    def see_exactly(self, selector: str, text: str) -> None:
        """Wait until an element shows exactly this text."""
        self._wait(f"{text!r} as {selector}", lambda: any(one.text == text for one in self.find(selector)) or None)

    def see_gone(self, selector: str) -> None:
        """Wait until no element matches."""
        self._wait(f"{selector} to go away", lambda: not self.find(selector) or None)

    def rows(self, selector: str) -> list[list[str]]:
        """Return the cells' texts of the table rows that match."""
        script = "return [...document.querySelectorAll(arguments[0])].map(r => [...r.cells].map(c => c.innerText))"
        found = self._driver.execute_script(script, selector)
        return [[text.strip() for text in row] for row in found]

    def see_row(self, selector: str, *texts: str) -> list[str]:
        """Wait for a row of a table that has these texts among its cells, and return its cells."""

        def look() -> list[str] | None:
            return next((row for row in self.rows(selector) if set(texts) <= set(row)), None)

        return self._wait(f"a row of {selector} with {texts}", look)

    # --- what people do --------------------------------------------------------------------------

    def fill(self, selector: str, text: str) -> None:
        """Write into a field, in place of what was there."""
        [field] = self.find(selector)
        field.clear()
        field.send_keys(text)

    def click(self, selector: str) -> None:
        """Click on an element as soon as it is there."""

        def look() -> bool:
            shown = [one for one in self.find(selector) if one.is_displayed() and one.is_enabled()]
            if shown:
                self._driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", shown[0])
                shown[0].click()
            return bool(shown)

        self._wait(f"{selector} to click on", look)

    def submit(self, **fields: str) -> None:
        """Fill in the page's form, by the names of its fields, and send it."""
        self._driver.execute_script("window.mexSent = true")
        for name, text in fields.items():
            self.fill(f"main form [name={name}]", text)
        self.click("main form button[type=submit]")
        self._wait("the next page", lambda: self._driver.execute_script("return window.mexSent !== true"))

    def register(self, email: str) -> None:
        """Create an account."""
        self.open("/register")
        self.submit(email=email, password=PASSWORD, password_again=PASSWORD)

    def watch(self, selector: str) -> None:
        """Write down, from now on, every state that a row of deposits or withdrawals goes through."""
        self._driver.execute_script(_WATCH, selector)

    def history(self) -> list[tuple[str, str]]:
        """Return (status, confirmations) of each state of the watched row so far."""
        states: list[list[str]] = self._driver.execute_script("return window.mexHistory")
        return [(status, confirmations) for status, confirmations in states]

    def _wait(self, what: str, look: Callable[[], Any]) -> Any:
        def steady() -> Any:
            try:
                return look()
            except StaleElementReferenceException:
                return None  # it was just replaced: look again

        return wait_for(f"{what} on {self.path}", steady)

    def _note_console(self) -> None:
        for entry in self._driver.get_log("browser"):
            text = str(entry["message"])
            if entry["level"] == "SEVERE" or "Content Security Policy" in text or "Content-Security-Policy" in text:
                self._complaints.append(text)
