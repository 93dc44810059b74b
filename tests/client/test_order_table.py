"""The journal as a table: readable everywhere, harmless, and without any signature."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.cells import cell_len

from soundverse_nb.client import Order, OrderState, OrderTable
from soundverse_nb.errors import ConfigurationError

NASTY = '<script>alert(1)</script><img src=x onerror="x">\x1b[31m'


def table(count: int = 3) -> OrderTable:
    orders = [
        Order(
            order_id=f"{at:012x}",
            service="https://service",
            state=list(OrderState)[at % len(OrderState)],
            request={"prompt": NASTY},
            reference_name=NASTY,
            message_id=NASTY,
            audio_url="https://store/a.mp3?X-Signature=SECRET",
            album_art="https://store/a.png?X-Signature=SECRET",
            song_name=NASTY,
            path="/songs/<b>.mp3",
            error=NASTY,
            created_at=1_700_000_000.0 + at,
            updated_at=1_700_000_000.0 + at,
        )
        for at in range(count)
    ]
    return OrderTable(orders, Path("/state/orders.sqlite3"))


class Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


def test_its_html_survives_a_sanitiser_and_carries_nothing_of_the_servers() -> None:
    found = Tags(table(8)._repr_html_())
    assert found.tags <= {"div", "p", "b", "table", "thead", "tbody", "tr", "th", "td", "span"}
    assert found.attributes <= {"class", "style"}  # a class keeps formulas out of it


@pytest.mark.parametrize("shown", [lambda t: repr(t), lambda t: t._repr_html_()])
def test_it_shows_no_signature_and_no_control_character(shown: object) -> None:
    text = shown(table(8))  # type: ignore[operator]
    assert "SECRET" not in text
    assert "X-Signature" not in text
    assert "\x1b" not in text


def test_it_says_what_each_state_means_for_the_purse() -> None:
    text = table(8)._repr_html_()
    for words in ("not paid", "may have been paid for", "paid, not fetched yet", "on disk"):
        assert words in text


def test_it_is_a_sequence_and_can_be_narrowed() -> None:
    orders = table(16)
    assert len(orders) == 16
    assert [order.state for order in orders.where("unknown")] == [OrderState.UNKNOWN] * 2
    assert len(orders[2:4]) == 2
    with pytest.raises(ConfigurationError, match="state no order has"):
        orders.where("lost")


def test_an_empty_journal_says_so() -> None:
    assert "no orders yet" in repr(table(0))
    assert "no orders yet" in table(0)._repr_html_()


def test_a_long_journal_stays_small_on_the_page() -> None:
    orders = table(5000)
    assert len(orders._repr_html_()) < 400_000
    assert "4800 older" in repr(orders)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("columns", [120, 80, 60, 40])
def test_a_terminal_of_any_width_shows_every_word_of_it(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = OrderTable(
        [
            replace(
                table(1)[0],
                request={"prompt": "upbeat jazz with brass horns and a long prompt that goes on and on 日本"},
                song_name="Harbour Tide (Jazz Remix)",
                message_id="2c891024-a128-40d9-8104-d4be13a621d8",
                state=OrderState.UNKNOWN,
            )
        ],
        Path("/a/rather/long/path/to/the/folder/of/a/study/with-a-long-name/orders.sqlite3"),
        "write-ahead log",
    )
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = repr(orders)
    assert max(cell_len(line) for line in shown.splitlines()) <= columns
    together = "".join(shown.split())
    for word in ("goesonandon日本", "2c891024-a128-40d9-8104-d4be13a621d8", "maybepaid", "orders.sqlite3"):
        assert word.replace("maybepaid", "mayhavebeenpaidfor") in together
    assert "…" not in shown


def test_a_file_gets_every_order_in_full_on_a_line_of_its_own() -> None:
    orders = table(300)
    head, columns, *lines = orders.in_full().splitlines()
    assert head.startswith("300 orders")
    assert columns.split()[:3] == ["order", "when", "state"]
    assert len(lines) == 300
    assert all(f"{at:012x}" in "".join(lines) for at in range(300))
    long = replace(table(1)[0], request={"prompt": "jazz " * 300}, error="reason " * 100)
    line = OrderTable([long], Path("/state/orders.sqlite3")).in_full().splitlines()[-1]
    assert line.count("jazz") == 300
    assert line.count("reason") == 100


def test_it_becomes_a_data_frame() -> None:
    frame = table(8).to_frame()
    assert list(frame["state"]) == [state.value for state in OrderState]
    assert not any("SECRET" in str(value) for value in frame.to_numpy().ravel())
