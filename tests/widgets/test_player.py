"""The player's kernel side: matched gains, what travels, what is said instead of sound."""

from __future__ import annotations

import io
import threading
from pathlib import Path

import numpy as np
import pyloudnorm
import pytest
import soundfile
from PIL import Image

import soundverse_nb as sv
from soundverse_nb.widgets.player import LiveComparison, Player, compare
from soundverse_nb.widgets.takes import Take, matched, mp3_bytes, outline_bytes, read_take, sound_bytes

RATE = 22050


def song(path: Path, level: float, seconds: float = 4.0, channels: int = 2, rate: int = RATE) -> Path:
    noise = np.random.default_rng(7).standard_normal((int(seconds * rate), channels)) * level
    soundfile.write(path, noise.astype(np.float32), rate, subtype="FLOAT")
    return path


def test_the_louder_take_is_attenuated_by_the_difference_that_bs1770_measures(tmp_path: Path) -> None:
    quiet, loud = song(tmp_path / "quiet.wav", 0.02), song(tmp_path / "loud.wav", 0.2)
    gains = compare(loud, quiet).gains
    meter = pyloudnorm.Meter(RATE, filter_class="DeMan")
    measured = [meter.integrated_loudness(soundfile.read(path)[0]) for path in (loud, quiet)]
    assert gains[0] == pytest.approx(measured[1] - measured[0], abs=0.01)
    assert gains[1] == 0


def test_no_take_is_ever_amplified_and_silence_is_left_alone(tmp_path: Path) -> None:
    paths = [song(tmp_path / f"{index}.wav", level) for index, level in enumerate([0.1, 0.0, 0.3])]
    gains = compare(*paths).gains
    assert gains[0] == 0
    assert gains[1] == 0
    assert gains[2] == pytest.approx(-9.54, abs=0.05)


def test_all_silent_takes_keep_their_gain(tmp_path: Path) -> None:
    take = read_take("A", sv.Clip(song(tmp_path / "a.wav", 0.0)), "#000")
    assert matched([take, take])[0].gain == 0
    assert take.state()["loudness"] is None


def test_the_outline_is_two_bytes_a_point_and_channel(tmp_path: Path) -> None:
    state = read_take("A", sv.Clip(song(tmp_path / "a.wav", 0.1, seconds=30)), "#000").state()
    outline = np.frombuffer(state["outline"], np.int8).reshape(2, -1, 2)
    assert outline.shape[1] <= 2000
    assert (outline[..., 0] <= outline[..., 1]).all()
    assert outline.max() > 20


def test_a_file_that_browsers_read_travels_as_it_is(tmp_path: Path) -> None:
    path = song(tmp_path / "a.wav", 0.1)
    assert sound_bytes(read_take("A", sv.Clip(path), "#000")) == path.read_bytes()


def test_a_file_that_browsers_do_not_read_travels_as_flac(tmp_path: Path) -> None:
    path = tmp_path / "a.aiff"
    soundfile.write(path, soundfile.read(song(tmp_path / "a.wav", 0.1))[0], RATE)
    sent = sound_bytes(read_take("A", sv.Clip(path), "#000"))
    assert soundfile.info(io.BytesIO(sent)).format == "FLAC"
    np.testing.assert_allclose(soundfile.read(io.BytesIO(sent))[0], soundfile.read(path)[0], atol=1e-4)


def test_samples_that_are_not_numbers_never_reach_a_loudspeaker(tmp_path: Path) -> None:
    samples = np.full((RATE, 1), 0.1, np.float32)
    samples[100:200] = np.nan
    soundfile.write(tmp_path / "nan.wav", samples, RATE, subtype="FLOAT")
    take = read_take("A", sv.Clip(tmp_path / "nan.wav"), "#000")
    assert not take.finite
    assert not take.problem
    sent = soundfile.read(io.BytesIO(sound_bytes(take)))[0]
    assert np.isfinite(sent).all()
    assert sent[150] == 0
    assert mp3_bytes(take)


def test_a_take_that_cannot_be_read_says_why_beside_the_others(tmp_path: Path) -> None:
    (tmp_path / "junk.mp3").write_bytes(b"not a song" * 100)
    takes = compare(song(tmp_path / "a.wav", 0.1), tmp_path / "junk.mp3").takes
    assert not takes[0].problem
    assert takes[1].problem
    assert takes[1].state()["duration"] == 0


def test_one_sample_is_drawn_as_too_short_to_hear(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "one.wav", np.array([0.5], np.float32), RATE)
    assert "too short" in read_take("A", sv.Clip(tmp_path / "one.wav"), "#000").problem


class _Asked(Player):
    """A player whose answers are kept instead of sent."""

    def send(self, content: object, buffers: object = None) -> None:
        self.__dict__.setdefault("answers", []).append((content, buffers))


def test_the_page_gets_what_it_asks_for_and_a_sentence_where_it_cannot(tmp_path: Path) -> None:
    takes = [read_take("A", sv.Clip(song(tmp_path / "a.wav", 0.1)), "#000")]
    player = _Asked(lambda: takes, "svp-test")
    for content in (
        {"request": "1", "want": "sound", "take": 0},
        {"request": "2", "want": "spectrogram", "take": 0},
        {"request": "3", "want": "sound", "take": 7},
        {"request": "4", "want": "../secret", "take": 0},
        {"request": "5"},
    ):
        player._answer(content)
    answers = player.__dict__["answers"]
    assert [content["request"] for content, _ in answers] == ["1", "2", "3", "4", "5"]
    assert answers[0][1] == [(tmp_path / "a.wav").read_bytes()]
    assert Image.open(io.BytesIO(answers[1][1][0])).format == "PNG"
    assert all("problem" in content for content, _ in answers[2:])


def test_a_page_that_zooms_in_gets_every_point_that_was_measured(tmp_path: Path) -> None:
    take = read_take("A", sv.Clip(song(tmp_path / "a.wav", 0.1, seconds=30)), "#000")
    assert take.envelope is not None
    whole = np.frombuffer(outline_bytes(take), np.int8).reshape(2, -1, 2)
    assert whole.shape[1] == take.envelope.points > 2 * 1000
    sent = np.frombuffer(take.state()["outline"], np.int8)
    assert (sent.min(), sent.max()) == (whole.min(), whole.max())


def test_a_take_is_saved_as_the_file_it_is_and_named_after_it(tmp_path: Path) -> None:
    path = tmp_path / "a.aiff"
    soundfile.write(path, soundfile.read(song(tmp_path / "a.wav", 0.1))[0], RATE)
    player = _Asked(lambda: [read_take("A", sv.Clip(path), "#000")], "svp-test")
    for want in ("file", "sound"):
        player._answer({"request": want, "want": want, "take": 0})
    (file, sent), (sound, _) = player.__dict__["answers"]
    assert (file["name"], sent) == ("a.aiff", [path.read_bytes()])
    assert sound["name"] == "a.flac", "what browsers cannot read is heard as another file"


def test_a_file_that_is_named_by_its_content_is_called_what_the_take_is(tmp_path: Path) -> None:
    path = song(tmp_path / f"{'3a' * 32}.wav", 0.1)
    player = _Asked(lambda: [read_take("pop · 4/4 · take 2", sv.Clip(path), "#000")], "svp-test")
    for want in ("file", "sound"):
        player._answer({"request": want, "want": want, "take": 0})
    assert [named["name"] for named, _ in player.__dict__["answers"]] == ["pop · 4 4 · take 2.wav"] * 2


def test_a_file_too_great_for_a_page_is_not_sent_but_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("soundverse_nb.widgets.takes.MAX_FILE_BYTES", 1000)
    path = song(tmp_path / "a.wav", 0.1)
    player = _Asked(lambda: [read_take("A", sv.Clip(path), "#000")], "svp-test")
    player._answer({"request": "1", "want": "file", "take": 0})
    ((answer, _),) = player.__dict__["answers"]
    assert str(path) in answer["problem"]


def test_a_reading_that_breaks_is_one_line_and_an_answer_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    unhandled: list[object] = []
    monkeypatch.setattr(threading, "excepthook", unhandled.append)
    may_read = threading.Event()

    def read() -> list[Take]:
        assert may_read.wait(60)
        raise OSError("https://songs.example.com/song.mp3?signature=of-a-private-song")

    before = set(threading.enumerate())
    player = _Asked(read, "svp-test")
    # Threads of others may begin at any moment.
    begun = set(threading.enumerate()) - before
    (reading,) = [thread for thread in begun if thread.name == "soundverse-player"]
    may_read.set()
    reading.join(60)
    assert unhandled == []
    (record,) = [each for each in caplog.records if each.name.startswith("soundverse_nb")]
    assert record.getMessage() == "The player has no takes: OSError"
    assert record.exc_info is None
    player._answer({"request": "1", "want": "sound", "take": 0})
    ((answer, _),) = player.__dict__["answers"]
    assert answer["problem"] == "The kernel cannot prepare this take (OSError)."


def test_outside_a_notebook_a_comparison_is_the_static_one(tmp_path: Path) -> None:
    live = compare(song(tmp_path / "a.wav", 0.1), song(tmp_path / "b.wav", 0.2))
    bundle = live._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    assert bundle["text/html"].count("<audio ") == 2
    assert live._widget is None


def test_a_remix_is_compared_with_its_original(tmp_path: Path) -> None:
    remix = sv.Remix(
        audio=song(tmp_path / "b.wav", 0.2),
        reference=song(tmp_path / "a.wav", 0.1),
        request=sv.RemixRequest(song_reference_url="https://example.org/a.mp3", prompt="jazz"),
    )
    for live in (remix.compare(), sv.compare(remix)):
        assert isinstance(live, LiveComparison)
        assert live.comparison.labels == ("Original", "Remix")


@pytest.mark.parametrize(("songs", "labels"), [((), None), ((3,), None), (("a.wav", "b.wav"), ["only one"])])
def test_what_cannot_be_compared_is_refused(songs: tuple[object, ...], labels: list[str] | None) -> None:
    with pytest.raises(sv.ConfigurationError):
        compare(*songs, labels=labels)
