"""HTML and SVG as trees of elements, so that every text is escaped and every tag is closed."""

import re
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

# XML has no place for these, escaped or not; lone surrogates cannot be written as UTF-8 either.
_IMPOSSIBLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def clean(text: object) -> str:
    """Return the text of anything, with "\N{REPLACEMENT CHARACTER}" for characters that no document may hold."""
    return _IMPOSSIBLE.sub("\N{REPLACEMENT CHARACTER}", str(text))


def add(parent: Element, tag: str, text: object = None, /, **attributes: Any) -> Element:
    """Add an element with a text to a parent, and return it. `class_` is class, and `stroke_width` is stroke-width."""
    named = {name.rstrip("_").replace("_", "-"): _value(value) for name, value in attributes.items()}
    element = ElementTree.SubElement(parent, tag, named)
    if text is not None:
        element.text = clean(text)
    return element


def as_html(element: Element) -> str:
    """Return a whole HTML document."""
    return "<!doctype html>\n" + ElementTree.tostring(element, encoding="unicode", method="html") + "\n"


def as_xml(element: Element) -> str:
    """Return an element as XML, as a file of its own."""
    return ElementTree.tostring(element, encoding="unicode") + "\n"


def _value(value: object) -> str:
    # A hundredth of a pixel is nothing that anybody sees, and all digits would double the file.
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else clean(value)
