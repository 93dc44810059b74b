"""A user without a home, or with one that cannot be written, as containers have them."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import platformdirs
import pytest
import soundfile

import soundverse_nb as sv
from soundverse_nb.client.simulated import is_simulator
from soundverse_nb.running_simulators import notices, pass_for, remove_notice, write_notice
from soundverse_nb.simulator import Simulator

KEY = "any-key-0123456789"
HOMES = ["no home", "a home that cannot be made", "a ~ that stays"]


@pytest.fixture(params=HOMES)
def homeless(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Nothing can be kept in this user's own folders; even root cannot make a folder below a file."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in ("XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR", "HOME"):
        monkeypatch.delenv(name, raising=False)
    if request.param == HOMES[1]:
        (tmp_path / "file").write_text("no folder")
        monkeypatch.setenv("HOME", str(tmp_path / "file"))
    else:
        monkeypatch.setattr("pwd.getpwuid", _nobody)
    if request.param == HOMES[2]:  # as older versions of platformdirs answer
        monkeypatch.setattr(platformdirs, "user_state_path", lambda name: Path("~/.local/state") / name)
        monkeypatch.setattr(platformdirs, "user_data_path", lambda name: Path("~/.local/share") / name)
    monkeypatch.chdir(tmp_path)
    return str(request.param)


def _nobody(number: int) -> None:
    raise KeyError(f"getpwuid(): uid not found: {number}")


@pytest.fixture
def song(tmp_path: Path) -> Path:
    path = tmp_path / "tone.wav"
    soundfile.write(path, 0.2 * np.sin(2 * np.pi * 220 * np.arange(11 * 8000) / 8000), 8000)
    return path


@pytest.mark.usefixtures("homeless")
async def test_with_both_paths_given_a_remix_is_made_and_known_as_simulated(
    tmp_path: Path, song: Path
) -> None:
    with Simulator(speed=1000) as simulator:
        places = {"directory": tmp_path / "made", "journal": tmp_path / "orders", "progress": False}
        async with sv.Client(KEY, simulator.base_url, **places) as client:  # type: ignore[arg-type]
            remix = await client.remix(song, prompt="dub")
            assert [order.simulated for order in client.orders()] == [True]
    assert remix.simulated
    assert not (tmp_path / "~").exists()


@pytest.mark.usefixtures("homeless")
def test_a_look_at_the_orders_needs_the_journal_alone(tmp_path: Path) -> None:
    client = sv.Client(KEY, journal=tmp_path / "orders", progress=False)
    assert len(client.orders()) == 0
    client.close()


@pytest.mark.usefixtures("homeless")
async def test_a_missing_place_for_remixes_is_told_before_anything_is_ordered(
    tmp_path: Path, song: Path
) -> None:
    with Simulator(speed=1000) as simulator:
        client = sv.Client(KEY, simulator.base_url, journal=tmp_path / "orders", progress=False)
        with pytest.raises(sv.ConfigurationError, match=r"directory=\.\.\..*XDG_DATA_HOME"):
            await client.remix(song, prompt="dub")
        assert len(client.orders()) == len(simulator.ledger) == 0
        client.close()


@pytest.mark.usefixtures("homeless")
def test_a_missing_place_for_the_journal_says_what_to_set(tmp_path: Path) -> None:
    client = sv.Client(KEY, directory=tmp_path / "made", progress=False)
    with pytest.raises(sv.ConfigurationError, match=r"journal=\.\.\..*XDG_STATE_HOME"):
        client.orders()
    client.close()
    assert not (tmp_path / "~").exists()


def test_a_folder_that_cannot_take_the_remix_is_told_before_it_is_paid(tmp_path: Path, song: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with Simulator(speed=1000) as simulator:
        places = {"directory": tmp_path / "file" / "made", "journal": tmp_path / "orders", "progress": False}
        client = sv.Client(KEY, simulator.base_url, **places)  # type: ignore[arg-type]
        with pytest.raises(sv.ConfigurationError, match="cannot be used"):
            client.remix_sync(song, prompt="dub")
        client.close()
        assert len(simulator.ledger) == 0


@pytest.mark.parametrize("given", ["~/made", "~nobody-of-this-name/made"])
def test_a_tilde_that_means_nobody_is_told(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", _nobody)
    with pytest.raises(sv.ConfigurationError, match="begins with ~"):
        sv.Client(KEY, directory=given)
    client = sv.Client(KEY, directory=tmp_path, journal=given)
    with pytest.raises(sv.ConfigurationError, match="begins with ~"):
        client.orders()
    client.close()
    assert not sv.preflight_all([given]).to_frame().ok.any()
    assert sv.Clip(given).name == "made"


@pytest.mark.usefixtures("homeless")
def test_a_simulator_of_another_process_is_known_by_its_note_elsewhere() -> None:
    code = "import pwd; pwd.getpwuid = {}.__getitem__; from soundverse_nb.simulator import run; run()"
    other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:\d+", other.stdout.readline())
        assert found is not None
        other.stdout.readline()
        assert "Press Ctrl-C" in other.stdout.readline()
        assert pass_for(int(found[0].rpartition(":")[2])) is None
        assert is_simulator(found[0])
    finally:
        other.terminate()
        other.communicate()
    assert not is_simulator(found[0])


@pytest.mark.usefixtures("homeless")
def test_a_note_that_anybody_could_have_written_counts_for_nothing() -> None:
    assert write_notice(45_331)
    assert is_simulator("http://127.0.0.1:45331")
    folder = notices(45_331)[-1].parent
    folder.chmod(0o777)
    assert not is_simulator("http://127.0.0.1:45331")
    folder.chmod(0o700)
    remove_notice(45_331)
    assert not is_simulator("http://127.0.0.1:45331")


@pytest.mark.usefixtures("homeless")
def test_a_simulator_that_can_leave_no_note_says_what_to_set() -> None:
    code = (
        "import pwd; pwd.getpwuid = {}.__getitem__\n"
        "import soundverse_nb.running_simulators as places; places._temporary_folder = lambda: None\n"
        "from soundverse_nb.simulator import run; run()"
    )
    other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    said = ""
    for line in other.stdout:  # which ends with the process, should that fail
        said += line
        if "Press Ctrl-C" in line:
            break
    other.terminate()
    other.communicate()
    assert "Press Ctrl-C" in said
    assert "XDG_STATE_HOME" in said


def test_a_local_service_that_is_no_known_simulator_does_not_only_ask_for_a_bucket(tmp_path: Path) -> None:
    from soundverse_nb.hosting import missing_host

    assert "EmbeddedHost('http://127.0.0.1:8080')" in str(missing_host("song.mp3", "http://127.0.0.1:8080"))
    assert "EmbeddedHost" not in str(missing_host("song.mp3", "https://api.soundverse.ai"))
