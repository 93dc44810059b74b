"""Short renderings: a valid file at once, another for each take, and labelled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import requests

import soundverse_nb as sv
from soundverse_nb.errors import ConfigurationError
from soundverse_nb.simulator import Simulator, short
from soundverse_nb.simulator.references import FetchedReference
from soundverse_nb.simulator.renderer import RemixSpec

from .conftest import SPEED, chunks, order, upload


def spec(take: int) -> RemixSpec:
    return RemixSpec(FetchedReference("digest", Path("song.mp3"), 30.0), "jazz", "", "{}", "Böhmen", take)


def test_it_decodes_to_a_second_of_sound_and_another_for_each_take(tmp_path: Path) -> None:
    sounds = []
    for take in range(1, 4):
        path = tmp_path / f"{take}.mp3"
        path.write_bytes(short.short_remix(spec(take).key, "Böhmen"))
        clip = sv.Clip(path)
        assert clip.duration == pytest.approx(0.9, abs=0.15)
        samples = clip.samples()
        assert 0.2 < np.abs(samples).max() < 0.6
        sounds.append(samples.tobytes())
    assert len(set(sounds)) == 3


async def test_the_oldest_files_go_and_come_again_as_they_were(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(short, "MAX_FILES", 2)
    renderer = short.ShortRenderer(tmp_path)
    first = (await renderer.audio(spec(1))).read_bytes()
    for take in (2, 3):
        await renderer.audio(spec(take))
    assert len(list(tmp_path.iterdir())) == 2
    assert (await renderer.audio(spec(1))).read_bytes() == first


async def test_a_client_takes_it_for_a_simulated_remix(tmp_path: Path, song_file: bytes) -> None:
    song = tmp_path / "song.flac"
    song.write_bytes(song_file)
    with Simulator(speed=SPEED, render="short") as service:
        async with sv.Client(
            "any-key-0123456789", service.base_url, directory=tmp_path, journal=tmp_path / "o", progress=False
        ) as client:
            results = await client.remix_all([(song, "dub")] * 20)
    remixes = [one for one in results if isinstance(one, sv.Remix)]
    assert len(remixes) == 20
    assert len({remix.audio.path.read_bytes() for remix in remixes}) == 20
    assert all(remix.simulated for remix in remixes)
    kept = sv.Clip(remixes[0].save(tmp_path / "kept.mp3"))
    assert "simulated" in kept._repr_mimebundle_()["text/plain"]


def test_no_short_rendering_is_taken_for_the_remix_itself(tmp_path: Path, song_file: bytes) -> None:
    sizes = []
    for render in ("short", "full"):
        with Simulator(speed=SPEED, folder=tmp_path, take=1, render=render) as service:  # type: ignore[arg-type]
            body = {"song_reference_url": upload(service, song_file), "prompt": "dub"}
            said = chunks(order(service, body))[-1]
            sizes.append(len(requests.get(said["audio_url"], timeout=60).content))
            assert requests.get(said["album_art"], timeout=30).headers["Content-Type"] == "image/jpeg"
    assert sizes[1] > 10 * sizes[0]


def test_another_way_to_render_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="'full' or 'short'"):
        Simulator(render="long")  # type: ignore[arg-type]
