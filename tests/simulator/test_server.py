"""The service as an object: its thread, its address, its end."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
import warnings
from pathlib import Path

import pytest
import requests

from soundverse_nb.errors import ConfigurationError
from soundverse_nb.simulator import Fault, Simulator
from soundverse_nb.urls import is_loopback

from .conftest import KEY, SPEED, chunks, order, upload


def own_threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("soundverse-nb")}


@pytest.fixture(autouse=True)
def nothing_is_left_open(monkeypatch, tmp_path):
    """No thread, no file and no unclosed thing stays behind."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = own_threads()
    gc.freeze()  # what other tests left is not collected here, and complains of nothing in this test's name
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            yield
    finally:
        gc.unfreeze()
    assert own_threads() <= before, "those of others may end meanwhile"
    assert list(Path(tmp_path).iterdir()) == []


def test_with_starts_and_stops_it():
    with Simulator() as service:
        assert service.is_running
        assert requests.get(f"{service.base_url}/simulator", timeout=10).status_code == 200
        address = service.base_url
    assert not service.is_running
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.get(address, timeout=10)


async def test_async_with_starts_and_stops_it_without_holding_up_the_loop():
    async with Simulator() as service:
        answer = await asyncio.to_thread(requests.get, f"{service.base_url}/simulator", timeout=10)
        assert answer.status_code == 200
    assert not service.is_running


def test_starting_and_stopping_twice_changes_nothing():
    service = Simulator()
    assert service.start() is service
    address = service.base_url
    assert service.start().base_url == address
    service.stop()
    service.stop()


def test_it_starts_again_and_keeps_its_ledger(song_file):
    service = Simulator(speed=SPEED)
    for expected in (1, 2):
        with service:
            chunks(order(service, {"song_reference_url": upload(service, song_file), "prompt": "pop"}))
            assert len(service.ledger) == expected


def test_stopping_cuts_open_streams_and_ends_what_is_being_made(song_file):
    service = Simulator(speed=1.0).start()
    body = {"song_reference_url": upload(service, song_file), "prompt": "jazz"}
    answers = [order(service, body, stream=True) for _ in range(3)]
    service.stop()
    for answer in answers:
        with pytest.raises(requests.exceptions.RequestException):
            answer.content  # noqa: B018 - reading is the act
        answer.close()


def test_two_services_run_side_by_side():
    with Simulator() as one, Simulator() as other:
        assert one.base_url != other.base_url


def test_it_listens_on_this_machine_alone():
    with Simulator() as service:
        assert service.base_url.startswith("http://127.0.0.1:")


def test_a_port_that_is_taken_is_a_configuration_error():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConfigurationError, match="cannot listen"):
            Simulator(port=taken.getsockname()[1]).start()


def test_a_host_that_is_not_ours_is_a_configuration_error():
    with pytest.raises(ConfigurationError, match="cannot listen"):
        Simulator(host="203.0.113.7").start()


@pytest.mark.parametrize(
    "settings",
    [
        {"speed": 0},
        {"speed": -1},
        {"speed": float("nan")},
        {"hold": -1},
        {"hold": float("inf")},
        {"price": -0.1},
        {"port": 70_000},
        {"api_key": " "},
        {"faults": ["no_such_fault"]},
        {"faults": [3]},
    ],
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ConfigurationError):
        Simulator(**settings)


def test_faults_can_be_objects_names_or_mappings():
    for faults in ("failure", Fault("failure"), [Fault("failure")], [{"fault": "failure"}]):
        with Simulator(speed=SPEED, faults=faults) as service:
            assert requests.get(f"{service.base_url}/simulator", timeout=10).ok


def test_before_it_starts_it_has_no_address():
    service = Simulator()
    with pytest.raises(ConfigurationError, match="not running"):
        _ = service.base_url
    assert "not running" in repr(service)


def test_the_key_shows_nowhere():
    with Simulator(api_key="s3cret-key") as service:
        refused = requests.get(f"{service.base_url}/status/generation/x", headers=KEY, timeout=10)
        assert "s3cret" not in repr(service) + refused.text


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("example.org", False)],
)
def test_loopback_is_told_from_the_network(host, expected):
    assert is_loopback(host) is expected
