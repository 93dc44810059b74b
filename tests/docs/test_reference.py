"""The reference has every public word, and every method of the classes whose methods it groups."""

from __future__ import annotations

import inspect
from collections import Counter

import pytest

from tools.website.reference import (
    GROUPS,
    SECTIONS,
    documented_members,
    errors,
    home_of_words,
    pages,
    public,
    public_words,
)


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    return dict(pages())


def test_every_public_word_is_in_one_group_or_is_an_error() -> None:
    grouped = Counter(word for group in GROUPS for word in group.words) + Counter(errors())
    assert grouped == Counter(public_words())


def test_every_word_has_a_page_that_describes_it(texts: dict[str, str]) -> None:
    for group in GROUPS:
        for word in group.words:
            name = f"soundverse_nb.{word}" if inspect.ismodule(public(word)) else word
            assert f":: {name}\n" in texts[word]
            assert f"<soundverse_nb.{word}>" in texts["index"]


def test_the_words_of_the_public_modules_are_described(texts: dict[str, str]) -> None:
    for module in ("analysis", "hosting", "simulator"):
        for name in set(public(module).__all__) - set(public_words()):
            assert f":: {name}\n" in texts[module]


@pytest.mark.parametrize("word", SECTIONS)
def test_every_method_of_a_large_class_is_in_one_of_its_groups(word: str) -> None:
    grouped = Counter(member for members in SECTIONS[word].values() for member in members)
    assert grouped == Counter(documented_members(public(word)))


def test_each_error_says_whether_it_was_paid_and_what_to_do(texts: dict[str, str]) -> None:
    page = texts["errors"]
    assert [name for name in errors() if f"`{name} <soundverse_nb.{name}>`" not in page] == []
    row = page.partition("`DownloadError <")[2].partition("* -")[0]
    assert "It has been paid for." in row
    assert "client.recover()" in row


def test_what_is_meant_by_a_word_in_a_docstring_is_known_by_its_name() -> None:
    homes = home_of_words()
    assert homes["Client"] == "soundverse_nb.Client"
    assert homes["Tempo"] == "soundverse_nb.analysis.Tempo"
    assert homes["Timeouts"] == "soundverse_nb.client.Timeouts"
