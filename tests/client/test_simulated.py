"""The client with the embedded service: nothing to set up, nothing to pay, and all marked as simulated."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import soundfile

import soundverse_nb as sv
from soundverse_nb.client import OrderState, Timeouts
from soundverse_nb.simulator import Simulator
from soundverse_nb.simulator import cover as artwork


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eleven seconds of a fifth."""
    path = tmp_path_factory.mktemp("song") / "fifth.wav"
    time = np.arange(11 * 22050) / 22050
    soundfile.write(path, 0.2 * np.sin(2 * np.pi * 220 * time) + 0.2 * np.sin(2 * np.pi * 330 * time), 22050)
    return path


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(speed=1000, take=1) as running:
        yield running


def client(simulator: Simulator, folder: Path, **settings: object) -> sv.Client:
    given = {"directory": folder, "journal": folder / "orders.sqlite3", "progress": False, **settings}
    return sv.Client("any-key-0123456789", simulator.base_url, **given)  # type: ignore[arg-type]


async def test_without_a_key_the_embedded_service_makes_a_remix_and_says_so(
    song: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("SOUNDVERSE_API_KEY", raising=False)
    monkeypatch.delenv("SOUNDVERSE_BASE_URL", raising=False)
    monkeypatch.setattr("soundverse_nb.client.simulated.SPEED", 200.0)
    monkeypatch.setattr("soundverse_nb.client.simulated._running", {})
    async with sv.connect(directory=tmp_path, journal=tmp_path / "o", progress=False) as first:
        remix = await first.remix(song, prompt="dub")
        again = sv.connect(directory=tmp_path, journal=tmp_path / "o", progress=False)
        assert again.base_url == first.base_url, "one for the whole process"
        again.close()
    assert remix.simulated
    assert remix.reference == sv.Clip(song)
    assert remix.audio.duration == pytest.approx(11, abs=3)
    assert capsys.readouterr().out.count("simulated and free") == 2


@pytest.mark.parametrize(
    "name",
    [
        b"caf\xe9.wav",
        b"\xff\xfe.wav",
        b"a\nb\x1b[31m.wav",
        "\u202egnp.wav".encode(),
        b"%41#?.wav",
        b"x" * 251 + b".wav",
    ],
    ids=["latin-1", "no-utf-8", "controls", "right-to-left", "url-signs", "255-bytes"],
)
async def test_a_file_may_have_any_name_that_the_disk_takes(
    name: bytes, song: Path, simulator: Simulator, tmp_path: Path
) -> None:
    folder = tmp_path / os.fsdecode(b"m\xfcsik")
    folder.mkdir()
    path = folder / os.fsdecode(name)
    path.write_bytes(song.read_bytes())
    async with client(simulator, folder) as some:
        remix = await some.remix(path, prompt="dub")
        table = some.orders()
    (order,) = table
    assert remix.reference == sv.Clip(path)
    assert order.reference_path == str(path)
    assert order.path is not None
    assert Path(order.path).is_file()
    for shown in (str(remix), order.reference_name or "", str(table)):
        shown.encode()


async def test_a_whole_request_may_name_such_a_file_too(
    song: Path, simulator: Simulator, tmp_path: Path
) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.wav")
    path.write_bytes(song.read_bytes())
    async with client(simulator, tmp_path) as some:
        remix = await some.remix(sv.RemixRequest(path, "dub"))
    assert remix.reference == sv.Clip(path)
    remix.request.model_dump_json()


async def test_what_it_made_is_called_simulated_wherever_it_shows(
    song: Path, simulator: Simulator, tmp_path: Path
) -> None:
    async with client(simulator, tmp_path) as some:
        remix = await some.remix(song, prompt="dub")
    kept = sv.Clip(remix.save(tmp_path / "my favourite.mp3"))
    live = remix.compare()
    for shown in (
        str(remix),
        remix.static_html(),
        live.static_html(),
        live._repr_mimebundle_()["text/plain"],
        kept._repr_mimebundle_()["text/html"],
        kept._repr_mimebundle_()["text/plain"],
        sv.compare(song, kept).static_html(),
    ):
        assert "simulated" in shown
    assert ["simulated" in take.state()["facts"] for take in live.takes] == [False, True]
    assert "simulated" not in sv.Clip(song)._repr_mimebundle_()["text/html"]


async def test_a_hundred_at_once_end_with_a_hundred(
    song: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Three different remixes need three covers; drawing a hundred would take longer than all the rest.
    monkeypatch.setattr(artwork, "draw_cover", lru_cache(artwork.draw_cover))
    with Simulator(speed=1000, take=1) as simulator:
        async with client(simulator, tmp_path, preflight="quick") as many:
            results = await many.remix_all([(song, f"style {at % 3}") for at in range(100)])
            assert [type(result) for result in results] == [sv.Remix] * 100
            assert len({result.message_id for result in results if isinstance(result, sv.Remix)}) == 100
            assert len({result.audio.path for result in results if isinstance(result, sv.Remix)}) == 100
            assert all(result.simulated for result in results if isinstance(result, sv.Remix))
            assert {order.state for order in many.orders()} == {OrderState.FETCHED}
            assert max(step.limit for step in many.concurrency.history) == 8
        assert len(simulator.ledger) == 100


async def test_it_finds_the_service_s_own_limit(song: Path, tmp_path: Path) -> None:
    with Simulator(speed=200, max_concurrent=3, take=1) as simulator:
        patient = Timeouts(max_attempts=50)
        async with client(simulator, tmp_path, preflight="quick", timeouts=patient) as many:
            results = await many.remix_all([(song, "style") for at in range(8)])
            assert [type(result) for result in results] == [sv.Remix] * 8
            assert "cut" in [step.reason for step in many.concurrency.history]
        assert len(simulator.ledger) == 8


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda folder: folder / "missing.mp3", "missing"),
        (lambda folder: folder, "not_a_file"),
        (lambda folder: _write(folder / "notes.mp3", b"these are notes, not audio" * 50), "not_audio"),
        (lambda folder: _tone(folder / "short.wav", 3), "too_short"),
        (lambda folder: _tone(folder / "long.wav", 351, rate=8000), "too_long"),
        (lambda folder: _tone(folder / "large.wav", 130, rate=44100), "too_large"),
        (lambda folder: _write(folder / "empty.mp3", b""), "empty"),
    ],
    ids=["missing", "directory", "not audio", "too short", "too long", "too large", "empty"],
)
@pytest.mark.parametrize("mode", ["full", "quick"])
async def test_a_reference_that_fails_preflight_costs_and_sends_nothing(
    make: object, code: str, mode: str, tmp_path: Path
) -> None:
    with Simulator(speed=1000) as simulator:
        async with client(simulator, tmp_path / "kept", preflight=mode) as one:
            with pytest.raises(sv.PreflightError) as refused:
                await one.remix(make(tmp_path), prompt="jazz")  # type: ignore[operator]
            assert refused.value.report.problems[0].code == code
            assert len(one.orders()) == 0
        assert len(simulator.ledger) == 0


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def _tone(path: Path, seconds: float, rate: int = 22050) -> Path:
    soundfile.write(path, 0.1 * np.sin(np.arange(int(seconds * rate)) / 20), rate)
    return path


async def test_a_url_reference_is_checked_too(simulator: Simulator, song: Path, tmp_path: Path) -> None:
    async with client(simulator, tmp_path) as one:
        with pytest.raises(sv.PreflightError, match="could not be reached"):
            await one.remix("http://127.0.0.1:9/song.mp3", prompt="jazz")
        for wrong in ("file:///etc/passwd", "ftp://songs.example.com/a.mp3", "s3://bucket/a.mp3"):
            with pytest.raises(sv.ConfigurationError):
                await one.remix(wrong, prompt="jazz")
        assert len(one.orders()) == 0
        url = await _published(simulator, song)
        remix = await one.remix(url, prompt="jazz")
        assert remix.reference is not None
        assert remix.reference.path.read_bytes() == song.read_bytes()


async def _published(simulator: Simulator, song: Path) -> str:
    from soundverse_nb.hosting import EmbeddedHost

    return (await EmbeddedHost(simulator.base_url).publish(song)).url


@pytest.mark.parametrize(
    "fault",
    ["cut_after_id", "eof_at_90", "stall_at_90", "silent_hold", "gzip", "byte_by_byte", "audio_flaky"],
)
async def test_it_survives_what_the_simulator_can_do(
    fault: str, simulator: Simulator, tmp_path: Path
) -> None:
    timeouts = Timeouts(silence=0.3, poll_interval=0.05)
    async with client(simulator, tmp_path, preflight="off", timeouts=timeouts) as one:
        request = sv.RemixRequest(
            str(sv.example_song()), "style 0", parameters={"simulate": {"fault": fault, "tag": str(tmp_path)}}
        )
        remix = await one.remix(request)
        assert remix.audio.path.stat().st_size > 1000
        assert len(simulator.ledger.of(remix.message_id or "")) == 1
