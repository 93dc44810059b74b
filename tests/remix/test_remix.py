from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from soundverse_nb import displays
from soundverse_nb.errors import ConfigurationError, Spent
from soundverse_nb.remix import Clip
from tests.remix.songs import events, remix_of


def test_a_remix_tells_its_story(original: Path, remixed: Path) -> None:
    remix = remix_of(remixed, original)
    assert remix.audio == Clip(remixed)
    assert remix.reference == Clip(original)
    assert [event.status for event in remix.events][:2] == ["validating", "queued"]
    assert [timed.at for timed in remix.timed_events] == [timed.at for timed in events()]
    assert remix.seconds == 10.0
    assert remix.timeline[-1].seconds == 1.0
    assert remix.audio_url == "https://s.example/x.mp3?sig=SECRET"


def test_a_remix_can_be_pickled(original: Path, remixed: Path) -> None:
    remix = remix_of(remixed, original)
    again = pickle.loads(pickle.dumps(remix))
    assert again == remix
    assert again.audio_url == remix.audio_url
    assert "SECRET" not in repr(again)


def test_no_signature_is_in_any_text(original: Path, remixed: Path) -> None:
    remix = remix_of(remixed, original)
    shown = [
        repr(remix),
        str(remix),
        repr(remix.audio_url),
        repr(remix.album_art),
        *remix._repr_mimebundle_().values(),
    ]
    assert not any("SECRET" in text for text in shown)


def test_a_remix_does_not_change(remixed: Path) -> None:
    with pytest.raises(AttributeError):
        remix_of(remixed).song_name = "x"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "prompt", "title"),
    [
        ("A\x1b[2JB", "p", "A [2JB"),
        (None, "slow", "slow"),
        (None, None, "remixed.mp3"),
        ("  ", "slow", "remixed.mp3"),
    ],
)
def test_the_title_is_one_harmless_line(
    remixed: Path, name: str | None, prompt: str | None, title: str
) -> None:
    assert remix_of(remixed, song_name=name, prompt=prompt, lyrics="la la").title == title


def test_save_copies_to_a_new_file_or_into_a_folder(remixed: Path, tmp_path: Path) -> None:
    remix = remix_of(remixed)
    assert remix.save(tmp_path / "mine.mp3").read_bytes() == remixed.read_bytes()
    assert remix.save(tmp_path) == tmp_path / "remixed.mp3"
    assert remixed.exists()


def test_save_never_overwrites(remixed: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.mp3").write_bytes(b"precious")
    with pytest.raises(ConfigurationError, match="exists already"):
        remix_of(remixed).save(tmp_path / "mine.mp3")
    assert (tmp_path / "mine.mp3").read_bytes() == b"precious"


def test_save_makes_no_folder(remixed: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="could not be copied"):
        remix_of(remixed).save(tmp_path / "new" / "mine.mp3")
    assert list(tmp_path.iterdir()) == []


def test_a_remix_that_is_gone_leaves_no_stump(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        remix_of(tmp_path / "gone.mp3").save(tmp_path / "mine.mp3")
    assert list(tmp_path.iterdir()) == []


def test_compare_asks_the_front_end_for_its_player(
    original: Path, remixed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Any] = []
    monkeypatch.setattr(
        displays, "_factories", {"player": lambda *clips, **how: calls.append((clips, how)) or "shown"}
    )
    assert remix_of(remixed, original).compare(title="Mine") == "shown"
    assert calls == [((Clip(original), Clip(remixed)), {"labels": ["Original", "Remix"], "title": "Mine"})]


@pytest.mark.parametrize(("simulated", "spent"), [(False, Spent.YES), (True, Spent.NO)])
@pytest.mark.parametrize("name", ["none/mine.mp3", "taken.mp3"])
def test_an_error_about_a_finished_remix_says_whether_it_was_paid_for(
    remixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, simulated: bool, spent: Spent
) -> None:
    (tmp_path / "taken.mp3").write_bytes(b"precious")
    monkeypatch.setattr(displays, "_factories", {})
    remix = remix_of(remixed, simulated=simulated)
    with pytest.raises(ConfigurationError) as saving:
        remix.save(tmp_path / name)
    with pytest.raises(ConfigurationError) as comparing:
        remix.compare()
    assert (saving.value.spent, comparing.value.spent) == (spent, spent)
    assert spent.sentence in str(saving.value)


def test_compare_without_a_player_says_so(remixed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(displays, "_factories", {})
    with pytest.raises(ConfigurationError, match="no player"):
        remix_of(remixed).compare()


def test_the_terminal_gets_facts_and_a_waveform_to_scale(original: Path, remixed: Path) -> None:
    told = str(remix_of(remixed, original)).splitlines()
    assert told[0] == "Remix: Midnight Brass (simulated)"
    drawn = [line.strip() for line in told if set(line.strip()) & set("▃▄▅▆▇█")]
    assert [len(line) for line in drawn] == [64, 32]
    assert any("0:12" in line and "MP3" in line and "stereo" in line for line in told)
    assert any("finalising" in line and "10 s in all" in line for line in told)
