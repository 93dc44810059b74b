"""Draw README's badges from pyproject.toml, so that they stay true: `python -m tools.badges`.

They are pictures of the repository's own: a reader of README asks no other server for them.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "images"
_PREFIX = "Programming Language :: Python :: 3."
_HEIGHT = 20
_LETTER = 6.6  # the width of a letter of 11 px, on average; the text is stretched to what is left for it


def badges() -> dict[str, str]:
    """Each badge by its file's name, as SVG."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    minors = sorted(int(minor) for minor in re.findall(re.escape(_PREFIX) + r"(\d+)", text))
    licence = re.search(r'^license = "([^"]+)"', text, re.MULTILINE)
    if not minors or licence is None or "Typing :: Typed" not in text:
        raise SystemExit("pyproject.toml no longer says what the badges show")
    return {
        "badge-python.svg": badge("Python", f"3.{minors[0]} to 3.{minors[-1]}", "#2f6f9f"),
        "badge-licence.svg": badge("licence", licence[1], "#3b7a57"),
        "badge-typed.svg": badge("types", "mypy --strict", "#4b5a78"),
    }


def badge(name: str, value: str, colour: str) -> str:
    """One badge: what it is about on grey, what holds on a colour."""
    left, right = (round(len(text) * _LETTER) + 14 for text in (name, value))
    words = "".join(
        f'<text x="{x + 7}" y="14" textLength="{width - 14}">{text}</text>'
        for x, width, text in ((0, left, name), (left, right, value))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="{_HEIGHT}" role="img" '
        f'aria-label="{name}: {value}"><title>{name}: {value}</title>'
        f'<clipPath id="round"><rect width="{left + right}" height="{_HEIGHT}" rx="4"/></clipPath>'
        f'<g clip-path="url(#round)"><rect width="{left}" height="{_HEIGHT}" fill="#4a4a4a"/>'
        f'<rect x="{left}" width="{right}" height="{_HEIGHT}" fill="{colour}"/></g>'
        f'<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">{words}</g></svg>\n'
    )


if __name__ == "__main__":
    for name, drawing in badges().items():
        (FOLDER / name).write_text(drawing, encoding="utf-8")
