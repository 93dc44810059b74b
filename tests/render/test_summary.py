from __future__ import annotations

from soundverse_nb.render.summary import (
    RemixEnd,
    cancelled_text,
    counts_label,
    money_label,
    summary_html,
    summary_text,
)
from tests.render.sanitiser import Page


def batch(finished: int, failed: int) -> list[RemixEnd]:
    return [RemixEnd(f"song {i} <i>", "finished", 3.0) for i in range(finished)] + [
        RemixEnd(f"bad {i}", "failed", 1.0, f"It broke: <script>{i}</script>. Nothing was paid.")
        for i in range(failed)
    ]


def test_the_summary_survives_the_sanitiser() -> None:
    for ends in (batch(3, 1), batch(30, 2), [RemixEnd("x", "cancelled", 0.0)], []):
        assert Page(summary_html(ends, 12.0, 1.2, True)).problems == []


def test_each_failure_keeps_its_sentence_in_sight() -> None:
    page = Page(summary_html(batch(400, 3), 60.0, None, False))
    folded = Page(summary_html(batch(400, 0), 60.0, None, False))
    for i in range(3):
        assert f"It broke: <script>{i}</script>. Nothing was paid." in page.text
    assert len(folded.all("details")) == 1


def test_the_summary_is_bounded_however_great_the_batch() -> None:
    assert len(summary_html(batch(10_000, 10_000), 60.0, 0.2, True)) < 60_000


def test_counts_leave_out_what_is_nought() -> None:
    assert counts_label(3, 1, 0, 4, 2, 10) == "3 of 10 finished · 1 failed · 4 active · 2 waiting"
    assert summary_text(batch(2, 1), 12.3) == "2 of 3 finished · 1 failed in 12 s"


def test_money_is_said_only_where_a_price_is_known_and_never_pretended() -> None:
    assert money_label(None, False) == ""
    assert money_label(3.4, False) == "3.40 spent"
    assert money_label(3.4, True) == "3.40 had it been real"


def test_a_cancelled_batch_is_not_shown_as_a_success() -> None:
    def edge(*ends: RemixEnd) -> str:
        return str(summary_html(ends, 1.0, None, False)).partition("border-left:3px solid ")[2][:7]

    finished, cancelled = RemixEnd("a", "finished", 1.0), RemixEnd("b", "cancelled", 1.0)
    assert edge(finished) != edge(finished, cancelled)
    assert edge(cancelled) != edge(RemixEnd("c", "failed", 1.0))


def test_money_of_what_was_cancelled_is_said_where_a_price_is_known() -> None:
    sent = RemixEnd("b", "cancelled", 1.0, may_be_charged=True)
    assert "may be charged: await" in cancelled_text([sent], None, False)
    assert "may be charged (0.20): await" in cancelled_text([sent], 0.2, False)
    assert "(0.20 had it been real)" in cancelled_text([sent], 0.2, True)
    assert cancelled_text([RemixEnd("a", "finished", 1.0)], 0.2, False) == ""
