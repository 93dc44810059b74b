"""What goes wrong with a remix's own file never says that nothing was paid, and says how to get it again."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import soundverse_nb as sv
from soundverse_nb.api.request import RemixRequest
from soundverse_nb.errors import SoundverseError, Spent
from soundverse_nb.remix import Clip, Remix

LOOKS: dict[str, Callable[[Clip], Any]] = {
    "duration": lambda clip: clip.duration,
    "sample_rate": lambda clip: clip.sample_rate,
    "channels": lambda clip: clip.channels,
    "format": lambda clip: clip.format,
    "codec": lambda clip: clip.codec,
    "samples": lambda clip: clip.samples(),
    "envelope": lambda clip: clip.envelope(10),
    "loudness": lambda clip: clip.loudness(),
}


def remix_at(path: Path, **settings: Any) -> Remix:
    return Remix(
        audio=path, request=RemixRequest("https://songs.example.com/a.mp3", "jazz"), order_id="0a1b2c3d4e5f",
        message_id="remix-1", **settings,
    )  # fmt: skip


@pytest.fixture(params=["gone", "a page", "empty", "an index that is missing"])
def broken(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "remix.mp3"
    content = {
        "a page": b"ID3<html>wait</html>",
        "empty": b"",
        "an index that is missing": b"\0\0\0\x18ftypM4A \0\0\0\0M4A isom" + b"\0\0\x03\xf0mdat" + bytes(1000),
    }
    if request.param in content:
        path.write_bytes(content[request.param])
    return path


@pytest.mark.parametrize("look", LOOKS)
def test_an_error_about_its_audio_knows_that_it_was_paid_for(broken: Path, look: str) -> None:
    with pytest.raises(SoundverseError) as told:
        LOOKS[look](remix_at(broken).audio)
    text = str(told.value)
    assert told.value.spent is Spent.YES
    assert "Nothing was paid" not in text
    assert "Pass an audio file" not in text
    assert "client.recover()" in text
    assert told.value.order_id == "0a1b2c3d4e5f"  # type: ignore[attr-defined]
    assert told.value.__context__ is None


def test_it_shows_itself_with_the_same_words(broken: Path) -> None:
    bundle = remix_at(broken)._repr_mimebundle_()
    for shown in bundle.values():
        assert "client.recover()" in shown
        assert "Pass an audio file" not in shown


def test_words_about_the_question_are_no_words_about_the_file(tmp_path: Path) -> None:
    with pytest.raises(SoundverseError, match="no stretch of a song") as told:
        remix_at(tmp_path / "x").audio.samples(-1)
    assert told.value.spent is Spent.YES
    assert "recover" not in str(told.value)


def test_what_the_simulator_made_costs_nothing(tmp_path: Path) -> None:
    with pytest.raises(SoundverseError) as told:
        _ = remix_at(tmp_path / "gone", simulated=True).audio.duration
    assert told.value.spent is Spent.NO


def test_its_reference_is_told_of_plainly(tmp_path: Path) -> None:
    with pytest.raises(SoundverseError) as told:
        _ = remix_at(tmp_path / "x", reference=tmp_path / "gone.mp3").reference.duration  # type: ignore[union-attr]
    assert told.value.spent is Spent.NO


def test_it_is_a_clip_like_any_other(tmp_path: Path) -> None:
    audio = remix_at(tmp_path / "x.mp3").audio
    assert isinstance(audio, sv.Clip)
    assert audio == Clip(tmp_path / "x.mp3")
    copy = pickle.loads(pickle.dumps(audio))
    assert copy == audio
    with pytest.raises(SoundverseError) as told:
        _ = copy.duration
    assert told.value.spent is Spent.YES
