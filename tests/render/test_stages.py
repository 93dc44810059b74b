from __future__ import annotations

import pytest

from soundverse_nb.render.labels import StageSpan, stages_html
from tests.render.sanitiser import Page, style_of

WAY = [
    StageSpan("queued", 1.0, 2.0),
    StageSpan("streaming", 3.0, 4.0),
    StageSpan("streaming", 7.0, 12.0, held=True),
    StageSpan("completed", 19.0, 1.0),
]


def bars(page: Page) -> list[dict[str, str]]:
    return [style_of(found) for found in page.all("div") if "title" in found]


def test_each_stage_is_a_bar_at_its_place_and_to_scale() -> None:
    page = Page(stages_html(WAY, 20.0))
    assert page.problems == []
    assert [(bar["left"], bar["width"]) for bar in bars(page)] == [
        ("5%", "10%"), ("15%", "20%"), ("35%", "60%"), ("95%", "5%"),
    ]  # fmt: skip


def test_the_hold_is_told_apart_from_the_work() -> None:
    page = Page(stages_html(WAY, 20.0))
    assert "held near 90 %" in page.text
    assert len({bar["background-color"] for bar in bars(page)}) == 4


def test_the_seconds_are_in_the_legend() -> None:
    text = Page(stages_html(WAY, 20.0)).text
    assert "generating 4.0 s, " in text
    assert "20 s in all" in text


def test_a_stage_with_a_hostile_name_is_text() -> None:
    page = Page(stages_html([StageSpan("<img src=x>", 0, 1)], 1))
    assert page.problems == []
    assert not page.all("img")


@pytest.mark.parametrize("total", [0.0, -1.0, float("nan")])
def test_nothing_timed_is_nothing_shown(total: float) -> None:
    assert stages_html(WAY, total) == ""
    assert stages_html([], 3.0) == ""


def test_times_that_contradict_each_other_stay_inside_the_bar() -> None:
    for bar in bars(Page(stages_html([StageSpan("queued", 30, 40), StageSpan("streaming", -5, 99)], 20.0))):
        assert float(bar["left"].rstrip("%")) + float(bar["width"].rstrip("%")) <= 100
