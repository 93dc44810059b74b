"""Links: those of Markdown and of the built site lead somewhere, foreign ones are well formed and in a list.

Nothing is fetched: checks run without a network. So whether a foreign page still is there is not known; all
of them stand in `docs/external_links.txt`, for a person to look through: `python -m tools.website.links
--write` renews it.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parents[2]
LIST = ROOT / "docs" / "external_links.txt"
_HEAD = "# Every foreign page that is linked. Kept by `python -m tools.website.links --write`.\n"

# What a page loads by itself; a link that a person follows may lead anywhere.
_LOADS = {
    "script": ("src",),
    "link": ("href",),
    "img": ("src", "srcset"),
    "audio": ("src",),
    "video": ("src", "poster"),
    "source": ("src", "srcset"),
    "iframe": ("src",),
    "embed": ("src",),
    "object": ("data",),
}
_MARKDOWN = re.compile(r"\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)|<(https?://[^>\s]+)>")
_CODE = re.compile(r"^(`{3,}|~{3,}).*?^\1|^(?: {4}|\t).*?$|`[^`\n]+`", re.DOTALL | re.MULTILINE)
_FENCED = re.compile(r"^(`{3,}|~{3,}).*?^\1", re.DOTALL | re.MULTILINE)
_REPOSITORY = "../../actions/"
"""Pages of the place that hosts the repository, beside its files."""

_HOST = re.compile(r"(?!-)[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE)


@dataclass
class _Page(HTMLParser):
    """What a page of HTML leads to, loads, and can be led to."""

    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.names |= {name for name in (given.get("id"), given.get("name")) if name}
        if tag == "a" and given.get("href"):
            self.links.append(given["href"] or "")
        for attribute in _LOADS.get(tag, ()):
            # `rel="next"`, `rel="search"` and their like load nothing.
            is_followed = tag == "link" and not {"stylesheet", "icon", "preload"} & set(
                (given.get("rel") or "").split()
            )
            if given.get(attribute):
                (self.links if is_followed else self.loads).append(given[attribute] or "")


def broken_in_site(site: Path) -> list[str]:
    """Links of a built site that lead nowhere in it, and what its pages would load from elsewhere."""
    pages: dict[Path, _Page] = {}
    # What lies in _static are parts of pages.
    for path in sorted(page for page in site.rglob("*.html") if "_static" not in page.parts):
        pages[path] = page = _Page()
        page.feed(path.read_text(encoding="utf-8"))
    wrong = []
    for path, page in pages.items():
        where = path.relative_to(site).as_posix()
        wrong += [f"{where} loads {load}" for load in page.loads if _is_foreign(load)]
        for link in [*page.links, *page.loads]:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists():
                wrong.append(f"{where} leads to {link}")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].names:
                wrong.append(f"{where} leads to {link}, which has no such place")
    return wrong


def _is_foreign(load: str) -> bool:
    parts = urlsplit(load)
    return parts.scheme != "data" and bool(parts.scheme or parts.netloc)


def markdown_pages(root: Path = ROOT) -> dict[Path, str]:
    """The text of every page of the project: Markdown files, and what stands between cells of notebooks."""
    found = [*root.glob("*.md"), *(root / "docs").rglob("*.md"), *root.glob("soundverse_nb/**/*.md")]
    texts = {path: path.read_text(encoding="utf-8") for path in sorted(found)}
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        texts[path] = "\n\n".join(
            "".join(each["source"]) for each in cells if each["cell_type"] == "markdown"
        )
    return texts


def links_of(text: str) -> list[str]:
    """Where a page of Markdown leads to, code left out."""
    return [first or second for first, second in _MARKDOWN.findall(_CODE.sub("", text))]


def anchors_of(text: str) -> set[str]:
    """The anchors that headings of Markdown get."""
    heads = re.findall(r"^#{1,6} +(.+)$", _FENCED.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


def broken_in_markdown(texts: dict[Path, str]) -> list[str]:
    """Links between files of the project that lead nowhere."""
    wrong = []
    for path, text in texts.items():
        for link in links_of(text):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or link.startswith(_REPOSITORY):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists():
                wrong.append(f"{path.name} leads to {link}")
            elif parts.fragment and target in texts and parts.fragment not in anchors_of(texts[target]):
                wrong.append(f"{path.name} leads to {link}, which has no such heading")
    return wrong


def external(texts: Iterable[str]) -> list[str]:
    """Every foreign address that pages lead to, once."""
    return sorted(
        {link for text in texts for link in links_of(text) if urlsplit(link).scheme in ("http", "https")}
    )


def malformed(addresses: Iterable[str]) -> Iterator[str]:
    """Addresses that cannot be right: not https, no host, a space or a sign of the sentence at the end."""
    for address in addresses:
        parts = urlsplit(address)
        if (
            parts.scheme != "https"
            or not _HOST.fullmatch(parts.hostname or "")
            or re.search(r"\s|[.,;:]$", address)
        ):
            yield address


def listed() -> list[str]:
    return [
        line for line in LIST.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")
    ]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.website.links", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"renew {LIST.name}")
    found = external(markdown_pages().values())
    if parser.parse_args(arguments).write:
        LIST.write_text(_HEAD + "\n".join(found) + "\n", encoding="utf-8")
    wrong = [*broken_in_markdown(markdown_pages()), *(f"malformed: {each}" for each in malformed(found))]
    print(*wrong, f"{len(found)} foreign addresses", sep="\n")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
