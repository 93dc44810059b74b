"""Kept orders: found by their name alone, and no more of them than there is room for."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
import requests

from soundverse_nb.simulator import Fault, Simulator, store
from soundverse_nb.simulator.store import KeptOrder, OrderStore

from .conftest import KEY, SPEED, chunks, order, upload

NAME = "7c9e6679-7425-40de-944b-e07fc1f90ae7"


def kept(name: str = NAME, **changed: object) -> KeptOrder:
    fields: dict[str, object] = {
        "message_id": name, "began": 1.75e9, "speed": 25.0, "hold": 30.0, "digest": "a" * 64, "seconds": 30.0,
        "prompt": "dub", "lyrics": "", "parameters": "{}", "title": "Amber Avenue (Dub Remix)",
        **changed,
    }  # fmt: skip
    return KeptOrder(**fields)  # type: ignore[arg-type]


def test_an_order_is_found_as_it_was_kept(tmp_path: Path) -> None:
    there = OrderStore(tmp_path)
    one = kept(faults=(Fault("audio_flaky", times=3), Fault("slow_hold", seconds=4.0)))
    there.add(one)
    assert OrderStore(tmp_path).find(NAME) == one


@pytest.mark.parametrize(
    "name", ["", "..", "../orders/x", "x" * 5000, "\0", NAME.upper() + "0", "/etc/passwd"]
)
def test_what_is_no_name_of_an_order_finds_nothing(name: str, tmp_path: Path) -> None:
    assert OrderStore(tmp_path).find(name) is None


@pytest.mark.parametrize("content", ["", "[]", "null", '{"digest": "a"}', '{"digest": "../a"}', "\xff"])
def test_what_cannot_be_read_is_not_kept(content: str, tmp_path: Path) -> None:
    there = OrderStore(tmp_path)
    (tmp_path / "orders" / f"{NAME}.json").write_text(content)
    assert there.find(NAME) is None


def aged(path: Path, seconds: float, size: int = 10) -> Path:
    path.write_bytes(bytes(size))
    os.utime(path, (time.time() - seconds,) * 2)
    return path


def test_what_is_old_goes_and_what_is_young_stays(tmp_path: Path) -> None:
    there = OrderStore(tmp_path)
    week = store.KEPT_SECONDS + 60
    old = [aged(place / "old", week) for place in (there.songs, there.remixes, tmp_path / "orders")]
    half = [aged(there.remixes / "a.1.part", 7200), aged(there.songs / "incoming-x", 7200)]
    young = [aged(there.songs / "young", 7200), aged(there.remixes / "b.2.part", 60)]
    there.sweep()
    assert not [path for path in (*old, *half) if path.exists()]
    assert all(path.exists() for path in young)


def test_the_oldest_go_where_there_is_too_much_but_none_of_this_hour(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(store, "MAX_REMIX_BYTES", 250)
    there = OrderStore(tmp_path)
    files = [aged(there.remixes / f"{age}.mp3", age, 100) for age in (9000.0, 8000.0, 7000.0, 60.0, 30.0)]
    there.sweep()
    assert [path.exists() for path in files] == [False, False, False, True, True]


def test_another_simulator_with_the_folder_goes_on_with_the_order(tmp_path: Path, song_file: bytes) -> None:
    with Simulator(speed=SPEED, folder=tmp_path) as first:
        body = {"song_reference_url": upload(first, song_file), "prompt": "dub"}
        told = chunks(order(first, body))[-1]
    with Simulator(speed=SPEED, folder=tmp_path) as second:
        url = f"{second.base_url}/status/generation/{told['message_id']}"
        asked = requests.get(url, headers=KEY, timeout=10).json()
        assert (asked["status"], asked["song_name"]) == ("completed", told["song_name"])
        assert asked["audio_url"].startswith(second.base_url)
        assert requests.get(asked["audio_url"], timeout=30).status_code == 200
        assert requests.get(asked["album_art"], timeout=30).status_code == 200
        assert len(second.ledger) == 0
    with Simulator(speed=SPEED) as third:
        url = f"{third.base_url}/status/generation/{told['message_id']}"
        assert requests.get(url, headers=KEY, timeout=10).status_code == 404


def test_without_a_folder_nothing_is_kept(tmp_path: Path, song_file: bytes, monkeypatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Simulator(speed=SPEED) as service:
        order(service, {"song_reference_url": upload(service, song_file), "prompt": "dub"})
    assert not list(tmp_path.rglob("*.mp3"))
    assert not list(tmp_path.rglob("orders"))
