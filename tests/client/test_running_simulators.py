"""How a client knows the simulator: by the note it leaves, never by asking the service."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import soundverse_nb as sv
from soundverse_nb.client.simulated import is_simulator
from soundverse_nb.running_simulators import notices, remove_notice, write_notice


def test_a_running_simulator_is_known_and_a_stopped_one_is_not() -> None:
    with sv.simulator.Simulator() as simulator:
        assert is_simulator(simulator.base_url)
        assert is_simulator(simulator.base_url.replace("127.0.0.1", "localhost"))
        url = simulator.base_url
    assert not is_simulator(url)


def test_the_note_of_a_process_that_died_counts_for_nothing() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    write_notice(45_321)
    notices(45_321)[0].write_text(str(child.pid))
    assert not is_simulator("http://127.0.0.1:45321")
    remove_notice(45_321)


@pytest.mark.parametrize("content", ["", "no number", "-", "9" * 40])
def test_a_note_that_says_nothing_counts_for_nothing(content: str) -> None:
    write_notice(45_322)
    notices(45_322)[0].write_text(content)
    assert not is_simulator("http://127.0.0.1:45322")
    remove_notice(45_322)


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.1:45323", "http://api.example.org:45323", "http://10.0.0.8:45323", "http://127.0.0.1"],
)
def test_only_plain_http_on_this_machine_can_be_the_simulator(url: str) -> None:
    write_notice(45_323)
    assert not is_simulator(url)
    remove_notice(45_323)


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:45324", "https://10.0.0.8", "https://gateway.internal"]
)
def test_a_local_service_that_is_not_known_is_called_neither_free_nor_surely_paid(
    address: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    sv.connect("key-0123456789", address, directory=tmp_path, journal=tmp_path / "orders").close()
    said = capsys.readouterr().out
    assert "count as paid for" in said
    assert "cannot be told" in said
    assert "Nothing is paid" not in said


def test_a_public_service_is_paid_for(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    sv.connect(
        "key-0123456789", "https://api.example.org", directory=tmp_path, journal=tmp_path / "o"
    ).close()
    assert capsys.readouterr().out.endswith("Remixes are paid for.\n")
