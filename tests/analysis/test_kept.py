"""What the cache gives back may be cut, spoilt or gone: then it is measured again."""

from __future__ import annotations

from pathlib import Path

import pytest

import soundverse_nb as sv
from soundverse_nb.analysis import analysed, cache, kept


def _entries(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("spoilt", [b"", b"{}", b"[1, 2]", b'{"tune": 1}', b"\xff\x00", b"PK\x03\x04"])
def test_whatever_of_the_cache_is_spoilt_is_measured_again(
    spoilt: bytes, tune: Path, higher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = sv.compare_audio(tune, higher)
    entries = {path: path.read_bytes() for path in _entries(tmp_path / "measures")}
    assert len(entries) == 4  # two songs, what is unrelated to the first, the pair
    pair = next(path for path, content in entries.items() if b'"tune_kept"' in content)
    for path in entries:
        for each, content in entries.items():
            each.write_bytes(content)
        pair.unlink()  # it would hide the others
        path.write_bytes(spoilt)
        monkeypatch.setattr(kept, "cache", cache.MeasureCache(tmp_path / "measures"))
        assert sv.compare_audio(tune, higher) == expected


def test_many_songs_are_compared_where_neither_disk_nor_memory_holds_them_all(
    short_songs: list[Path], tune: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setattr(kept, "cache", cache.MeasureCache(tmp_path / "file" / "below"))
    monkeypatch.setattr(cache, "_IN_MEMORY", 2)
    table = sv.compare_all([(tune, song) for song in short_songs], progress=False, workers=1)
    assert not table.failed
    sv.metric("length", lambda clip: clip.duration, unit="s")
    table = sv.compare_all([(tune, song) for song in short_songs], progress=False, workers=1)
    assert not table.failed


def test_a_song_kept_without_all_that_comparing_needs_is_measured_again(
    tune: Path,
) -> None:
    entry = analysed.analysed(tune, "tune", "content")
    del entry.arrays["tuning_agreement"]
    with pytest.raises(ValueError, match="lacks what comparing needs"):
        analysed.Analysed.from_bytes(entry.to_bytes())
    kept.cache.put("song content features/1", entry.to_bytes())
    assert kept.kept_analysis("content") is None


def test_a_kept_song_is_read_once(tune: Path, higher: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sv.analyse_all([tune, higher], progress=False, workers=1)
    read = []
    whole = analysed.Analysed.from_bytes

    def counted(content: bytes) -> analysed.Analysed:
        read.append(len(content))
        return whole(content)

    monkeypatch.setattr(analysed.Analysed, "from_bytes", counted)
    sv.compare_audio(tune, higher)
    sv.compare_audio(higher, tune)
    assert len(read) <= 2


def test_metrics_whose_names_and_versions_read_alike_are_kept_apart() -> None:
    one = sv.metric("low end", abs, version="2", of="clip")
    other = sv.metric("low", abs, version="end 2", of="clip")
    kept.keep_metrics([one], {"low end": (1.0, "")}, "content")
    assert kept.kept_metrics([one, other], "content") == ({"low end": 1.0}, [other])
