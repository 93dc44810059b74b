"""Links lead somewhere: in Markdown and notebooks, and in a built site, which asks for nothing foreign."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.website.links import (
    broken_in_markdown,
    broken_in_site,
    external,
    links_of,
    listed,
    malformed,
    markdown_pages,
)


def test_every_link_between_files_of_the_project_leads_somewhere() -> None:
    assert broken_in_markdown(markdown_pages()) == []


def test_foreign_addresses_are_well_formed_and_all_in_the_list() -> None:
    found = external(markdown_pages().values())
    assert list(malformed(found)) == []
    assert listed() == found, "run: python -m tools.website.links --write"


@pytest.mark.parametrize(
    "address",
    ["http://example.org", "https://example", "https://example.org/a.", "https://", "https://-a.org"],
)
def test_an_address_that_cannot_be_right_is_found(address: str) -> None:
    assert list(malformed([address])) == [address]
    assert list(malformed(["https://docs.example.org/a_(b)?c=1#d"])) == []


def test_links_in_code_are_no_links() -> None:
    text = (
        "[a](one.md) `[b](two.md)`\n\n```python\nx[0](three.md)\n```\n\n    [d](four.md)\n\n<https://e.org/e>"
    )
    assert links_of(text) == ["one.md", "https://e.org/e"]


def test_a_missing_file_and_a_missing_heading_are_found(tmp_path: Path) -> None:
    page, other = tmp_path / "page.md", tmp_path / "other.md"
    texts = {
        page: "[a](other.md) [b](other.md#two-words) [c](gone.md) [d](other.md#three)",
        other: "# Two `words`\n\n```\n# three\n```",
    }
    for path, text in texts.items():
        path.write_text(text)
    assert broken_in_markdown(texts) == [
        "page.md leads to gone.md",
        "page.md leads to other.md#three, which has no such heading",
    ]


def test_a_site_with_a_dead_link_or_a_foreign_script_is_found_out(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "b.html").write_text('<h1 id="here">B</h1><a href="../a.html#nowhere">a</a>')
    (tmp_path / "a.html").write_text(
        '<link rel="stylesheet" href="https://fonts.example.org/x.css">'
        '<script src="//cdn.example.org/y.js"></script><link rel="next" href="deep/b.html">'
        '<audio src="data:audio/mpeg;base64,AA=="></audio><img src="gone.png">'
        '<a href="deep/b.html#here">b</a><a href="https://example.org">c</a>'
        '<a href="mailto:a@example.org">d</a>'
    )
    assert sorted(broken_in_site(tmp_path)) == [
        "a.html leads to gone.png",
        "a.html loads //cdn.example.org/y.js",
        "a.html loads https://fonts.example.org/x.css",
        "deep/b.html leads to ../a.html#nowhere, which has no such place",
    ]
