"""The cache of measures: kept by content, in memory and on disk, and never a reason to fail."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from soundverse_nb.analysis import cache as cache_module
from soundverse_nb.analysis.cache import MeasureCache


def test_another_process_finds_what_was_kept(tmp_path: Path) -> None:
    MeasureCache(tmp_path).put("song a", b"120 BPM")
    assert MeasureCache(tmp_path).get("song a") == b"120 BPM"


def test_nothing_is_found_under_another_key(tmp_path: Path) -> None:
    kept = MeasureCache(tmp_path)
    kept.put("song a", b"120 BPM")
    assert kept.get("song b") is None


def test_memory_serves_where_the_folder_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    kept = MeasureCache(tmp_path / "file" / "below")
    kept.put("song a", b"120 BPM")
    assert kept.get("song a") == b"120 BPM"


def test_a_half_written_entry_is_never_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_source: object, _target: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    MeasureCache(tmp_path).put("song a", b"120 BPM")
    monkeypatch.undo()
    assert MeasureCache(tmp_path).get("song a") is None
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_what_was_not_used_for_longest_goes_first_when_there_is_too_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "_MOST_BYTES", 2500)
    monkeypatch.setattr(cache_module, "_PRUNE_EVERY", 1)
    MeasureCache(tmp_path).put("old", b"x" * 1000)
    for path in tmp_path.rglob("*"):
        os.utime(path, (1, 1))
    for name in ("new", "newer"):
        MeasureCache(tmp_path).put(name, b"x" * 1000)
    kept = MeasureCache(tmp_path)
    assert kept.get("old") is None
    assert kept.get("new")
    assert kept.get("newer")


def test_the_folder_can_be_named_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOUNDVERSE_NB_CACHE", str(tmp_path))
    kept = MeasureCache()
    kept.put("song a", b"120 BPM")
    assert kept.folder == tmp_path / "measures"
    assert any(path.is_file() for path in kept.folder.rglob("*"))
