"""A report shows itself: in a terminal of 80 columns, and in a notebook nobody trusts."""

from __future__ import annotations

import os
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import soundverse_nb as sv
from soundverse_nb.reference import AudioFacts, Limits, PreflightReport
from soundverse_nb.reference.report import place, rows_of
from soundverse_nb.reference.rules import problems_of
from soundverse_nb.reference.table import PreflightTable
from tests.audio.songs import RATE, file_of, tone

_KEPT_TAGS = {"div", "span", "b", "code", "img", "table", "thead", "tbody", "tr", "td", "th", "ul", "li"}
_KEPT_ATTRIBUTES = {"style", "class", "title", "alt", "src"}


class _Strict(HTMLParser):
    """Accepts only what JupyterLab's sanitiser keeps, and balanced tags."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in _KEPT_TAGS, tag
        for name, value in attrs:
            assert name in _KEPT_ATTRIBUTES, name
            assert name != "src" or (value or "").startswith("data:image/png;base64,")
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def bundle(shown: Any) -> tuple[str, str]:
    both = shown._repr_mimebundle_()
    assert set(both) == {"text/plain", "text/html"}
    parser = _Strict()
    parser.feed(both["text/html"])
    assert parser.open == []
    return both["text/plain"], parser.text


SOURCES: list[Any] = [
    (tone(12.0), RATE),
    (tone(9.0, 1, 8000), 8000),
    (np.zeros((2, 12 * RATE)), RATE),
    (tone(12.0, 6), RATE),
    file_of(tone(351.0, 1, 8000), 8000),
    b"",
    b"junk" * 100,
    "missing.mp3",
    "/",
]


@pytest.mark.parametrize("source", SOURCES, ids=range(len(SOURCES)))
def test_every_report_fits_a_terminal_and_a_sanitiser(source: Any) -> None:
    report = sv.preflight(source)
    plain, page = bundle(report)
    assert all(len(line) < 80 for line in plain.splitlines() if "repair:" not in line)
    for found in (*report.problems, *report.warnings):
        assert found.code in plain
        assert found.code in page
    assert ("PASS" if report.ok else "FAIL") in plain
    assert ("PASS" if report.ok else "FAIL") in page


@pytest.mark.parametrize(
    "name",
    ["<img src=x onerror=alert(1)>.wav", 'a"onload="x.wav', "a\x1b[31m.wav", "a\nb.wav", "\udcff\udcfe.wav"],
)
def test_a_hostile_name_is_shown_and_never_obeyed(tmp_path: Path, name: str) -> None:
    path = os.path.join(tmp_path, name)
    with open(path, "wb") as file:
        file.write(file_of(tone(351.0, 1, 8000), 8000))
    report = sv.preflight(path)
    plain, _page = bundle(report)
    html = report._repr_mimebundle_()["text/html"]
    assert "\x1b" not in plain + html
    assert "<img src=x" not in html
    plain.encode("utf-8")
    html.encode("utf-8")


def test_the_call_to_copy_is_the_one_that_works(tmp_path: Path) -> None:
    path = tmp_path / "it's a song.wav"
    path.write_bytes(file_of(tone(351.0, 1, 8000), 8000))
    plain, page = bundle(sv.preflight(path))
    call = f"sv.repair({str(path)!r})"
    assert call in plain
    assert call in page
    repaired = eval(call, {"sv": sv})
    assert repaired.ok


def test_the_waveform_is_in_the_page_and_small() -> None:
    html = sv.preflight((tone(12.0), RATE))._repr_mimebundle_()["text/html"]
    assert re.search(r'<img alt="Waveform of [^"]*" src="data:image/png;base64,', html)
    assert len(html) < 100_000


@pytest.mark.parametrize(("low", "high"), [(1, 10), (10, 100), (100, 350), (350, 1000)])
def test_a_longer_song_stands_further_right_on_the_scale(low: float, high: float) -> None:
    assert 0 <= place(low) < place(high) <= 1


@pytest.mark.parametrize(
    ("size", "measured", "limit"),
    [
        (10_485_759, "10,485,759 bytes", "10,485,760 bytes"),
        (10_485_760, "10.49 MB", "10.49 MB"),
        (10_485_761, "10,485,761 bytes", "10,485,760 bytes"),
        (10_499_000, "10.5 MB", "10.49 MB"),
        (10_478_000, "10.48 MB", "10.49 MB"),
        (12_657_318, "12.7 MB", "10.49 MB"),
        (4_000_000, "4 MB", "10.49 MB"),
    ],
)
def test_a_size_never_reads_like_a_limit_it_is_not(size: int, measured: str, limit: str) -> None:
    row = rows_of(_report(size_bytes=size, duration=180.0))[1]
    assert (row.measured, row.allowed) == (measured, f"at most {limit}")


def test_a_length_in_the_display_never_reads_like_the_limit_it_breaks() -> None:
    row = rows_of(_report(duration=79_999 / 8000))[2]
    assert (row.state, row.measured, row.allowed) == ("fail", "9.9999 s", "10 s to 350 s")
    assert rows_of(_report(duration=350 + 1 / 44_100))[2].measured == "350.00002 s"


def test_where_decoding_stopped_no_length_is_claimed_anywhere() -> None:
    report = _report(duration=350.876735, goes_on=True, size_bytes=4_000_000)
    table = PreflightTable(("s.flac",), (report,))
    for shown, claimed in (
        (str(report), "over 350 s"),
        (str(table), "over 5:50"),
        (table._repr_mimebundle_()["text/html"], "over 5:50"),
    ):
        assert claimed in shown
        assert "350.877" not in shown
    (row,) = table.rows
    assert (row["duration"], row["longer_than"]) == (None, 350.0)


def test_the_table_shows_enough_digits_at_the_limits() -> None:
    broken = _report(duration=350.2, size_bytes=10_485_761)
    text = str(PreflightTable(("s.mp3",), (broken,)))
    assert "350.2 s" in text  # and not 5:50, which is the limit
    assert "10,485,761 bytes" in text


def test_a_table_has_its_numbers_below_one_another_and_what_is_far_from_a_limit_as_a_clock() -> None:
    reports = (_report(duration=31.0, size_bytes=497_000), _report(duration=372.25, size_bytes=3_820_000))
    table = PreflightTable(("a.mp3", "b.mp3"), reports)
    short, long = str(table).splitlines()[:2]
    assert [line.split()[2:5] for line in (short, long)] == [["0:31", "497", "kB"], ["6:12", "3.82", "MB"]]
    assert short.index("0:31") + 4 == long.index("6:12") + 4
    assert short.index("kB") == long.index("MB")
    page = table._repr_mimebundle_()["text/html"]
    assert page.count("text-align:right") == 2 + 2 * 2  # two headings, two numbers a row


def _report(**facts: Any) -> PreflightReport:
    audio = AudioFacts(format="mp3", codec="mp3", channels=2, sample_rate=44_100, **facts)
    return PreflightReport("song.mp3", audio, problems=problems_of(audio, Limits(), ""))


def test_a_short_repr_names_the_problems() -> None:
    assert repr(sv.preflight(b"")) == "PreflightReport('bytes', ok=False, empty)"


def test_a_table_shows_every_song(tmp_path: Path) -> None:
    (tmp_path / "good.wav").write_bytes(file_of(tone(12.0)))
    (tmp_path / "<b>short.wav").write_bytes(file_of(tone(2.0)))
    (tmp_path / "notes.txt").write_text("no song")
    table = sv.preflight_all(tmp_path, progress=False)
    plain, page = bundle(table)
    assert all(len(line) < 80 for line in plain.splitlines()[:-1])
    for text in ("good.wav", "<b>short.wav", "too_short", "1 of 2"):
        assert text in plain
        assert text in page
