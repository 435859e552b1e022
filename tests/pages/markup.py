"""Reads HTML as a strict content security policy sees it."""

from html.parser import HTMLParser


class Page(HTMLParser):
    """What a page loads, and what the policy would block."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.blocked: list[str] = []
        self.assets: list[str] = []
        self.ids: list[str] = []
        self.labelled: set[str] = set()
        self.fields: list[dict[str, str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, pairs: list[tuple[str, str | None]]) -> None:
        """Note what matters about a tag."""
        attributes = {name: value or "" for name, value in pairs}
        if tag == "style" or (tag == "script" and "src" not in attributes):
            self.blocked.append(f"<{tag}>")
        self.blocked += [f"{tag} {name}" for name in attributes if name == "style" or name.startswith("on")]
        for name in ("src", "href"):
            if attributes.get(name, "").startswith("javascript:"):
                self.blocked.append(f"{tag} {name}")
            if attributes.get(name, "").startswith("/static/"):
                self.assets.append(attributes[name])
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if tag == "label" and "for" in attributes:
            self.labelled.add(attributes["for"])
        if tag in ("input", "select", "textarea") and attributes.get("type") not in ("hidden", "submit"):
            self.fields.append(attributes)

    @property
    def nameless_fields(self) -> list[str]:
        """Return fields that a screen reader could not name."""
        return [
            field.get("id", "?")
            for field in self.fields
            if "hidden" not in field and "aria-label" not in field and field.get("id") not in self.labelled
        ]
