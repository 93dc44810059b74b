"""Some thousand broken songs, each time the same; benchmarks/fuzz_probes.py has the long run."""

from __future__ import annotations

import io
import math
import tracemalloc

import pytest

from soundverse_nb.audio.probe import Probed, Untrusted, probe_file
from soundverse_nb.audio.probe.window import CHANNELS, SAMPLE_RATES
from tests.corpus.mutate import mutants, seeds


@pytest.fixture(scope="module")
def songs() -> list[bytes]:
    return seeds()


def test_no_broken_song_breaks_the_probe(songs: list[bytes]) -> None:
    believed = 0
    for number, song in enumerate(mutants(6000, seed=1, songs=songs)):
        answer = probe_file(io.BytesIO(song), len(song))
        if isinstance(answer, Probed):
            believed += 1
            assert math.isfinite(answer.duration), number
            assert answer.duration > 0, number
            assert answer.channels in CHANNELS, number
            assert answer.sample_rate in SAMPLE_RATES, number
        else:
            assert isinstance(answer, Untrusted), number
            assert answer.reason, number
    assert 100 < believed < 5900  # the mutations neither destroy everything nor touch nothing


def test_parsing_itself_never_raises(songs: list[bytes]) -> None:
    """The guard around the probe is for file objects of others, not for our own slips."""
    from soundverse_nb.audio.probe import _probe
    from soundverse_nb.audio.probe.window import Window

    for song in mutants(6000, seed=2, songs=songs):
        assert isinstance(_probe(Window(io.BytesIO(song), len(song))), Probed | Untrusted)


def test_no_length_field_can_ask_for_memory(songs: list[bytes]) -> None:
    tracemalloc.start()
    try:
        for song in mutants(400, seed=3, songs=songs):
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            probe_file(io.BytesIO(song), len(song))
            assert tracemalloc.get_traced_memory()[1] - before < 4 * len(song) + 3_000_000
    finally:
        tracemalloc.stop()
