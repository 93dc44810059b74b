"""What is displayed and may hold foreign words keeps notebooks from typesetting what stands between two $."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import soundverse_nb as sv
from soundverse_nb import displays
from soundverse_nb.render.card import Card, card_html, marked
from soundverse_nb.render.gallery import GalleryTake
from soundverse_nb.render.gallery_table import gallery_html
from soundverse_nb.render.measures import MeasureRow, grid_html, measures_html
from soundverse_nb.render.summary import RemixEnd, job_html, started_html, summary_html
from soundverse_nb.study.plan_display import PlanPreview
from tests.study.conftest import write_song

FORMULA = "pop $x^2$"


class _Formulas(HTMLParser):
    """The texts of a page that a notebook's MathJax would look through for formulas."""

    _NO_END = frozenset({"img", "br"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self._open: list[bool] = []
        self.texts: list[str] = []
        self.seen = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self._NO_END:
            classes = (dict(attrs).get("class") or "").split()
            # MathJax 3 and 4 know the first, MathJax 2 the second.
            self._open.append({"mathjax_ignore", "tex2jax_ignore"} <= set(classes))

    def handle_endtag(self, tag: str) -> None:
        if tag not in self._NO_END:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        self.seen += data
        if "$" in data and not any(self._open):
            self.texts.append(data)


def _shown(song: Path) -> dict[str, Callable[[], Any]]:
    take = GalleryTake("a", FORMULA, 1, FORMULA, {"prompt": FORMULA}, note=FORMULA)
    plan = sv.Plan({FORMULA: str(song)}, [FORMULA], repeats=2)
    return {
        "measures": lambda: measures_html(FORMULA, [MeasureRow("a", "b", FORMULA)], [FORMULA]),
        "grid": lambda: grid_html(FORMULA, ["a"], [[FORMULA]], [FORMULA]),
        "gallery": lambda: gallery_html([take], FORMULA, [FORMULA]),
        "summary": lambda: summary_html([RemixEnd(FORMULA, "failed", 1.0, FORMULA)], 1.0, None, False),
        "started": lambda: started_html(FORMULA, "mark"),
        "job": lambda: job_html(FORMULA, "finished", FORMULA),
        "plan": lambda: _html(plan),
        "preview": lambda: _html(PlanPreview(plan)),
        "report on a song": lambda: _html(sv.preflight(song)),
        "reports on songs": lambda: _html(sv.preflight_all([song, song])),
        "repair": lambda: _html(sv.repair(song, song.with_name(f"{FORMULA}, part.mp3"), duration=11)),
        "clip": lambda: _html(sv.Clip(song)),
        "live gallery": lambda: _html(displays.lookup("gallery")([take], summary=FORMULA)),
        "comparison": lambda: _html(sv.compare(song, song, labels=[FORMULA, "b"], title=FORMULA)),
        "card": lambda: card_html(Card(FORMULA, [], FORMULA)),
        "card for a script": lambda: marked(f"{FORMULA}", "mark"),
    }


def _html(thing: Any) -> str:
    return str(thing._repr_mimebundle_()["text/html"])


@pytest.mark.parametrize("what", sorted(_shown(Path("song.wav"))))
def test_no_text_with_two_dollars_is_typeset(what: str, tmp_path: Path) -> None:
    found = _Formulas(str(_shown(write_song(tmp_path / f"{FORMULA}.wav", 220.0, 12.0))[what]()))
    assert found.seen.count("$") >= 2, "else this shows nothing"
    assert found.texts == []
