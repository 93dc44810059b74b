from __future__ import annotations

import base64
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import soundverse_nb as sv
from soundverse_nb.audio.probe.tags import SIMULATED_ARTIST
from soundverse_nb.errors import ConfigurationError
from soundverse_nb.remix import Clip, Comparison
from soundverse_nb.remix import preview as limit
from soundverse_nb.remix.display import clip_html
from soundverse_nb.remix.list_takes import gallery_takes
from tests.remix.songs import remix_of, tune, write
from tests.render.sanitiser import Page, style_of

NASTY = "<img src=x onerror=alert(1)>\"'><script>x</script>&amp;\u202egpj"


def test_the_bundle_is_text_and_html_and_nothing_else(original: Path, remixed: Path) -> None:
    for shown in (remix_of(remixed, original), Clip(original), Comparison((Clip(original),), ("take",))):
        assert set(shown._repr_mimebundle_()) == {"text/plain", "text/html"}


def test_both_songs_can_be_heard_and_seen(original: Path, remixed: Path) -> None:
    page = Page(remix_of(remixed, original).static_html())
    assert page.problems == []
    measured = [found["src"] for found in page.all("audio")]
    assert [_decoded(uri, "audio/mpeg") for uri in measured] == [original.read_bytes(), remixed.read_bytes()]
    assert all("controls" in found for found in page.all("audio"))
    assert [_decoded(found["src"], "image/png")[:4] for found in page.all("img")] == [b"\x89PNG"] * 2
    for word in (
        "Midnight Brass",
        "simulated",
        "upbeat jazz",
        "0:12",
        "0:06",
        "MP3",
        " LUFS",
        "held near 90 %",
        "10 s in all",
    ):
        assert word in page.text


def test_the_waveforms_share_one_time_axis(original: Path, remixed: Path) -> None:
    page = Page(remix_of(remixed, original).static_html())
    whole, half = (float(style_of(found)["width"].rstrip("%")) for found in page.all("img"))
    assert whole == 100
    assert half == pytest.approx(100 * Clip(remixed).duration / Clip(original).duration, abs=0.01)
    assert "0:10" in page.text


def test_what_is_real_wears_no_badge(remixed: Path) -> None:
    assert "simulated" not in Page(remix_of(remixed, simulated=False).static_html()).text


def test_what_a_simulator_on_another_machine_made_wears_the_badge_too(tmp_path: Path) -> None:
    # The client cannot know that its service is one; the files of a simulator say so.
    file = tmp_path / "remix.mp3"
    name = SIMULATED_ARTIST.encode("ascii")
    frame = b"TPE1" + (len(name) + 1).to_bytes(4, "big") + bytes(3) + name
    audio = (Path(sv.__file__).parent / "examples" / "reference_song.mp3").read_bytes()
    file.write_bytes(b"ID3\x03\0\0" + bytes([0, 0, 0, len(frame)]) + frame + audio)
    remix = remix_of(file, simulated=False)
    assert gallery_takes(sv.RemixList([remix]))[0].is_simulated
    assert "simulated" in Page(remix.static_html()).text
    assert "(simulated)" in remix._repr_mimebundle_()["text/plain"]


def test_a_list_that_reads_no_files_reads_none(remixed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remix = remix_of(remixed, simulated=False)
    monkeypatch.setattr(Clip, "_read", lambda *_: pytest.fail("a file was read"))
    assert not gallery_takes(sv.RemixList([remix]), read=False)[0].is_simulated


def test_hostile_words_stay_words(remixed: Path, tmp_path: Path) -> None:
    named = write(tmp_path / "<b onclick=x>'&.mp3", tune(1), format="MP3")
    remix = remix_of(
        remixed, named, song_name=NASTY, prompt=NASTY, lyrics=NASTY, message_id=NASTY, order_id=NASTY,
        audio_url=f"https://s.example/{NASTY}?sig=SECRET",
    )  # fmt: skip
    page = Page(remix.static_html())
    assert page.problems == []
    assert not page.all("script")
    assert {found["src"].partition(":")[0] for found in page.all("img") + page.all("audio")} == {"data"}
    assert "<script>x</script>" in page.text


def test_no_link_leads_out_of_the_page(original: Path, remixed: Path) -> None:
    page = Page(remix_of(remixed, original).static_html())
    linked = [found[name] for _, found in page.elements for name in ("src", "href") if name in found]
    assert len(linked) == 4
    assert all(link.startswith("data:") for link in linked)


@pytest.mark.parametrize("room", [limit.LEAST_BYTES, 60_000, 200_000, 1_500_000])
def test_a_result_never_outgrows_its_limit(remixed: Path, tmp_path: Path, room: int) -> None:
    long = write(tmp_path / "long.wav", tune(90, 8000), 8000)
    remix = remix_of(remixed, long, lyrics="🎺" * 50_000, song_name="<" * 10_000, prompt="&" * 10_000)
    html = remix.static_html(room)
    assert len(html.encode()) <= room
    assert Page(html).problems == []


def test_the_page_says_what_it_plays_where_it_is_not_the_file(remixed: Path, tmp_path: Path) -> None:
    long = write(tmp_path / "long.wav", tune(90, 8000), 8000)
    text = Page(remix_of(remixed, long).static_html(200_000)).text
    assert re.search(r"Plays a preview: first 0:\d\d of 1:30, \d+ kbit/s mono", text)


def test_where_a_preview_plays_the_page_says_how_to_hear_all_of_it(remixed: Path, tmp_path: Path) -> None:
    long = write(tmp_path / "long.wav", tune(90, 8000), 8000)
    assert "Run .compare() for the whole song." in Page(remix_of(remixed, long).static_html(200_000)).text
    assert "Run sv.compare(clip) for the whole song." in Page(clip_html(Clip(long), 60_000)).text
    assert "Run " not in Page(remix_of(remixed).static_html()).text


def test_the_limit_is_a_setting_with_a_default_of_one_and_a_half_megabytes(remixed: Path) -> None:
    assert limit.display_bytes() == 1_500_000
    try:
        limit.set_display_bytes(50_000)
        assert len(remix_of(remixed).static_html().encode()) <= 50_000
    finally:
        limit.set_display_bytes()


@pytest.mark.parametrize("room", [0, -1, 10, True, 1.5e6, None])
def test_an_impossible_limit_is_refused(room: object) -> None:
    with pytest.raises(ConfigurationError):
        limit.set_display_bytes(room)  # type: ignore[arg-type]


def _nan(path: Path) -> Path:
    song = tune(2)
    song[1000:20000] = np.nan
    return write(path, song, subtype="FLOAT")


BAD: dict[str, tuple[Callable[[Path], Path], str, bool]] = {
    "silence": (lambda p: write(p, np.zeros(8000, np.float32), 8000), "silent", True),
    "mono at 8 kHz": (lambda p: write(p, tune(2, 8000, 1)[:, 0], 8000), "8 kHz mono", True),
    "one sample": (lambda p: write(p, np.full(1, 0.5, np.float32), 44100, subtype="FLOAT"), "0.023 ms", True),
    "not numbers": (_nan, "not numbers", True),
    "clipped": (lambda p: write(p, np.clip(tune(2) * 9, -1, 1)), "peak 0.0 dBFS", True),
    "no samples": (lambda p: write(p, np.zeros((0, 2), np.float32)), "song.wav", False),
    "no audio": (lambda p: (p.write_bytes(b"<html>" * 99), p)[1], "not an audio file", False),
    "gone": (lambda p: p, "cannot be read", False),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_input_is_drawn_or_says_why_not(kind: str, original: Path, tmp_path: Path) -> None:
    make, said, drawn = BAD[kind]
    remix = remix_of(make(tmp_path / "song.wav"), original)
    page = Page(remix.static_html())
    assert page.problems == []
    assert said in page.text
    assert said in str(remix)
    assert len(page.all("img")) == (2 if drawn else 1)
    assert len(page.all("audio")) == (2 if drawn else 1)


def test_album_art_is_a_small_picture_inside_the_page(remixed: Path, tmp_path: Path) -> None:
    Image.new("RGB", (900, 600), "#a02030").save(tmp_path / "art.png")
    page = Page(remix_of(remixed, album_art_path=tmp_path / "art.png").static_html())
    art = _decoded(page.all("img")[0]["src"], "image/jpeg")
    assert len(art) < 20_000
    assert page.problems == []


@pytest.mark.parametrize(
    "content", [b"", b"GIF89a", b"<svg onload=alert(1)>", b"\x89PNG\r\n\x1a\n" + b"\0" * 50]
)
def test_album_art_that_is_no_picture_is_left_out(remixed: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "art").write_bytes(content)
    assert len(Page(remix_of(remixed, album_art_path=tmp_path / "art").static_html()).all("img")) == 1


def test_album_art_that_is_a_decompression_bomb_is_left_out(remixed: Path, tmp_path: Path) -> None:
    Image.new("1", (7_000, 7_000)).save(tmp_path / "art.png")
    assert len(Page(remix_of(remixed, album_art_path=tmp_path / "art.png").static_html()).all("img")) == 1


def test_a_comparison_has_a_lane_for_each_take(original: Path, remixed: Path) -> None:
    takes = Comparison((Clip(original), Clip(remixed), Clip(remixed)), ("first", "second", "third"))
    page = Page(takes.static_html())
    assert page.problems == []
    assert len(page.all("audio")) == 3
    assert all(label in page.text for label in ("first", "second", "third"))


def _decoded(uri: str, mime: str) -> bytes:
    head, _, body = uri.partition(",")
    assert head == f"data:{mime};base64"
    return base64.b64decode(body, validate=True)


def test_a_terminal_is_spared_the_players(
    original: Path, remixed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    formatter = SimpleNamespace(active_types=["text/plain"])
    shell = SimpleNamespace(display_formatter=formatter)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    assert set(remix_of(remixed, original)._repr_mimebundle_()) == {"text/plain"}
    formatter.active_types = ["text/plain", "text/html"]
    assert set(remix_of(remixed, original)._repr_mimebundle_()) == {"text/plain", "text/html"}


def test_many_takes_stay_under_the_limit_and_say_how_many_are_shown(original: Path) -> None:
    page = Comparison((Clip(original),) * 120, ("a take",) * 120).static_html(20_000)
    assert len(page.encode()) <= 20_000
    assert re.search(r"The first \d+ of 120 takes", Page(page).text)


def test_a_comparison_in_a_terminal_is_short_and_harmless(original: Path) -> None:
    evil = "\x1b[31m\u202e<script>" * 500
    told = Comparison((Clip(original),) * 2, (evil, evil), evil)._repr_mimebundle_()["text/plain"]
    assert "\x1b" not in told
    assert "\u202e" not in told
    assert len(told) < 2000
