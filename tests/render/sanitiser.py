"""What JupyterLab 4 lets through in a notebook that is not trusted, as far as this project uses it.

Source: packages/apputils/src/sanitizer.ts of JupyterLab. Attributes and values that are not listed there are
dropped silently, so a page that passes here looks the same trusted and untrusted. ARIA attributes are dropped
too, and nothing depends on them.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

TAGS = {"audio", "b", "details", "div", "img", "li", "span", "summary", "table", "tbody", "td", "tr", "ul"}
EVERYWHERE = {"class", "style", "title"}
ATTRIBUTES = {
    "audio": {"controls", "preload", "src"},
    "img": {"alt", "src"},
    "details": {"open"},
}

_LENGTH = r"(-?\d*\.?\d+(e-?\d*)?(px|em|%)|0)"
_COLOUR = r"(#[0-9a-f]{6}|rgba\(\d+,\d+,\d+,0\.\d+\))"
_BOX = rf"(({_LENGTH}|auto) ?){{1,4}}"
_BORDER = rf"{_LENGTH} solid {_COLOUR}"
PROPERTIES = {
    "background-color": _COLOUR,
    "border": _BORDER,
    "border-bottom": _BORDER,
    "border-collapse": "collapse",
    "border-left": _BORDER,
    "border-radius": _LENGTH,
    "border-right": _BORDER,
    "border-top": _BORDER,
    "box-sizing": "border-box",
    "color": _COLOUR,
    "cursor": "pointer",
    "display": "block|inline-block|table|table-row|table-cell",
    "float": "left",
    "font-size": _LENGTH,
    "font-weight": "600",
    "height": _LENGTH,
    "left": _LENGTH,
    "line-height": r"\d*\.?\d+",
    "margin": _BOX,
    "max-width": _LENGTH,
    "min-width": _LENGTH,
    "opacity": r"0\.\d+",
    "overflow": "hidden",
    "overflow-wrap": "break-word",
    "padding": _BOX,
    "position": "relative|absolute",
    "right": _LENGTH,
    "table-layout": "fixed",
    "text-align": "left|right",
    "text-overflow": "ellipsis",
    "top": _LENGTH,
    "vertical-align": "middle|top",
    "white-space": "normal|nowrap|pre-wrap",
    "width": _LENGTH,
    "word-break": "break-all",
}
_VOID = {"img"}


class Page(HTMLParser):
    """The elements of a page, each with its attributes; `problems` says what a sanitiser would take away."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.problems: list[str] = []
        self._open: list[str] = []
        self.feed(str(html))
        self.close()
        self.problems += [f"<{tag}> is never closed" for tag in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.elements.append((tag, found))
        if tag not in TAGS:
            self.problems.append(f"<{tag}> is dropped")
        for name in found:
            if name not in EVERYWHERE | ATTRIBUTES.get(tag, set()) and not name.startswith("aria-"):
                self.problems.append(f"{tag} {name}= is dropped")
        self.problems += [f"{tag} {said}" for said in _style_problems(found.get("style", ""))]
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.problems.append(f"</{tag}> closes something else")

    def handle_data(self, data: str) -> None:
        self.text += data.replace("\xa0", " ")  # which keeps a number and its unit on one line

    def all(self, tag: str) -> list[dict[str, str]]:
        """The attributes of every element of this name."""
        return [found for name, found in self.elements if name == tag]


def style_of(attributes: dict[str, str]) -> dict[str, str]:
    """A style attribute as a dictionary."""
    pairs = (part.split(":", 1) for part in attributes.get("style", "").split(";") if part.strip())
    return {name.strip(): value.strip() for name, value in pairs}


def _style_problems(style: str) -> list[str]:
    found = style_of({"style": style})
    return [
        f"style {name}:{value} is dropped"
        for name, value in found.items()
        if name not in PROPERTIES or not re.fullmatch(PROPERTIES[name], value, re.IGNORECASE)
    ]
