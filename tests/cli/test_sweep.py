"""`soundverse-nb sweep` and `study`: exit statuses, interrupts and steering, as a scheduler meets them."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import soundverse_nb as sv
from soundverse_nb.cli.command import main
from soundverse_nb.hosting import EmbeddedHost
from soundverse_nb.simulator import Simulator
from soundverse_nb.study import TrialState
from tests.study.conftest import tagged, write_song

COMMAND = [sys.executable, "-m", "soundverse_nb"]


@pytest.fixture(scope="module")
def service() -> Iterator[Simulator]:
    with Simulator(speed=400.0, render="short") as simulator:
        yield simulator


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, service: Simulator) -> Path:
    for name in ("HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setenv("SOUNDVERSE_API_KEY", "key-1")
    monkeypatch.setenv("SOUNDVERSE_BASE_URL", service.base_url)
    monkeypatch.chdir(tmp_path)
    write_song(tmp_path / "one.wav")
    return tmp_path


def plan_file(name: str = "plan.yaml", **settings: Any) -> str:
    sv.Plan([Path("one.wav").absolute()], **{"prompts": ["jazz", "waltz"], **settings}).save(name)
    return name


def sweep(*options: str) -> int:
    return main(["sweep", *options, "--study", "study", "--no-measures", "--json"])


def answer(capsys: pytest.CaptureFixture[str]) -> Any:
    """Standard output as JSON: nothing else may stand there."""
    return json.loads(capsys.readouterr().out)


def test_a_plan_is_run_once_and_opens_as_the_same_study(
    service: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    before = len(service.ledger)
    plan = plan_file()
    assert sweep(plan, "--price", "0.1", "--budget", "1") == 0
    out, err = capsys.readouterr()
    said = json.loads(out)
    assert (said["outcome"], said["trials"]["done"], said["trials"]["missing"], said["spent"]) == (
        "done",
        2,
        0,
        0.2,
    )
    assert "2 trials · about" in err, "what it takes"
    assert "2 of 2 trials to order for 0.2" in err, "before the first order"
    assert sweep(plan, "--price", "0.1") == 0
    assert len(service.ledger) - before == 2
    frame = sv.Study("study").to_frame()
    assert sorted(frame["prompt"]) == ["jazz", "waltz"]
    assert (frame["state"] == "done").all()


def test_what_failed_is_another_status_and_is_ordered_again_by_choice(
    capsys: pytest.CaptureFixture[str],
) -> None:
    plan = plan_file(prompts=["dub"], parameters=tagged("fine") | tagged("bad", fault="failure", times=1))
    assert sweep(plan) == 3
    assert answer(capsys)["trials"]["failed"] == 1
    assert sweep(plan) == 3
    err = capsys.readouterr().err
    assert "--retry-failed tries them again" in err
    assert sweep(plan, "--retry-failed") == 0


def test_what_was_refused_stays_failed_until_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    plan = plan_file(prompts=["ska"], parameters=tagged("fine") | tagged("bad", fault="no fault at all"))
    for options, attempts in (((), 1), ((), 1), (("--retry-failed",), 2)):
        assert sweep(plan, *options) == 3
        assert answer(capsys)["trials"]["failed"] == 1
        frame = sv.Study("study").to_frame()
        failed = frame[(frame["state"] == "failed") & (frame["prompt"] == "ska")]
        assert list(failed["attempts"]) == [attempts]
        assert "no fault named" in failed["error"].iloc[0]


def test_a_budget_that_is_used_up_is_a_status_and_a_higher_one_goes_on(
    service: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = plan_file(prompts=["house"], parameters=tagged("a", "b", "c"))
    before = len(service.ledger)
    for _ in range(2):
        assert sweep(plan, "--price", "0.1", "--budget", "0.2") == 4
        said = answer(capsys)
        assert (said["outcome"], said["trials"]["done"], said["trials"]["missing"]) == ("budget", 2, 1)
    assert len(service.ledger) - before == 2
    assert sweep(plan, "--price", "0.1", "--budget", "0.3") == 0


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--budget", "1"], "Give --price"),
        (["--price", "2", "--budget", "1"], "no room for a single trial"),
    ],
)
def test_what_is_refused_beforehand_orders_nothing(
    options: list[str], sentence: str, service: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    before = len(service.ledger)
    assert sweep(plan_file(), *options) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert sentence in err
    write_song(Path("short.wav"), seconds=3.0)
    sv.Plan([Path("short.wav").absolute()], ["jazz"]).save("short.yaml")
    assert sweep("short.yaml") == 1
    assert "1 of 1 songs cannot be ordered" in capsys.readouterr().err
    Path("broken.yaml").write_text("prompts: [jazz]\nreferences:\n")
    assert sweep("broken.yaml") == 1
    assert len(service.ledger) == before


def test_what_every_order_would_meet_stops_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert sweep(plan_file(parameters=tagged(*"abcd", fault="no_balance")), "--concurrency", "1") == 5
    assert answer(capsys)["outcome"] == "stopped"


def test_shards_have_their_part_of_the_budget_and_are_merged(
    home: Path, service: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = plan_file(prompts=["ska"], parameters=tagged(*"abcd"))
    before = len(service.ledger)
    for part in ("0/2", "1/2"):
        study = f"part {part[0]}"
        command = ["sweep", plan, "--study", study, "--shard", part, "--no-measures", "--json"]
        assert main([*command, "--price", "0.1", "--budget", "0.4"]) == 0
        assert answer(capsys)["trials"]["done"] == 2
    assert len(service.ledger) - before == 4
    assert main(["study", "whole", "--json", "merge", "part 0", "part 1"]) == 0
    assert answer(capsys)["trials"]["done"] == 4
    with pytest.raises(SystemExit):
        main(["sweep", plan, "--study", "x", "--shard", "2/2"])


def test_a_study_is_exported_whole_or_not_at_all(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sweep(plan_file()) == 0
    capsys.readouterr()
    for action in (["report", "page.html"], ["frame", "trials.csv"], ["frame", "trials.parquet"]):
        assert main(["study", "study", *action]) == 0
        assert Path(capsys.readouterr().out.strip()).is_file()
        assert main(["study", "study", *action]) == 1
        assert "--overwrite" in capsys.readouterr().err
        assert main(["study", "study", *action, "--overwrite"]) == 0
        capsys.readouterr()
    assert main(["study", "study", "frame", "trials.xls"]) == 1
    assert "neither .csv nor .parquet" in capsys.readouterr().err
    assert main(["study", "study"]) == 0
    assert "2 of 2 trials done" in capsys.readouterr().out
    assert main(["study", "study", "pause"]) == 1
    assert "Nobody runs this study now" in capsys.readouterr().err
    assert main(["study", "nowhere"]) == 1
    assert list(home.glob("*.part")) == []


@pytest.fixture
def heard() -> Iterator[None]:
    """Signals as at a terminal: below nohup, or behind a shell's &, they are ignored, which is inherited."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    for number, handler in before.items():
        if handler is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def running(home: Path, heard: None, service: Simulator) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """A sweep of many trials in a process of its own, some of which are done when it is given."""
    started: list[subprocess.Popen[str]] = []

    def start(name: str, count: int = 60) -> subprocess.Popen[str]:
        # The service is another process's, to which nobody can upload: the song is there already.
        song = asyncio.run(EmbeddedHost(service.base_url).publish(home / "one.wav")).url
        plan = {"references": {"one": song}, "prompts": [name]}
        plan["parameters"] = tagged(*map(str, range(count)))
        Path(f"{name}.yaml").write_text(json.dumps(plan))  # which is YAML too
        command = ["sweep", f"{name}.yaml", "--study", "study", "--no-measures", "--concurrency", "2"]
        before = len(service.ledger)
        process = subprocess.Popen(
            [*COMMAND, *command, "--price", "0.1"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ),
        )  # fmt: skip
        started.append(process)
        assert process.stderr is not None
        seen = []
        for line in process.stderr:  # a twentieth of them is over
            seen.append(line)
            if f"of {count} over" in line:
                break
        assert len(service.ledger) > before, "".join(seen)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.mark.parametrize(
    "sent", [[signal.SIGINT], [signal.SIGINT] * 2, [signal.SIGTERM], [signal.SIGHUP]], ids=str
)
def test_an_interrupt_loses_nothing_and_the_same_command_goes_on(
    sent: list[signal.Signals],
    running: Callable[..., subprocess.Popen[str]],
    service: Simulator,
) -> None:
    before = len(service.ledger)
    name = f"interrupted {len(sent)} {sent[0].name}"
    process = running(name)
    for number in sent:
        process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    if len(sent) == 1:
        assert "The same command goes on from here" in err
    again = ["sweep", f"{name}.yaml", "--study", "study", "--no-measures", "--price", "0.1", "--json"]
    # In a process of its own, to which the service is as unknown as to the first one.
    done = subprocess.run([*COMMAND, *again], capture_output=True, text=True, timeout=120, check=False)
    said = json.loads(done.stdout)
    # One that was under way, and that the service had not named yet, may be paid: told, not repeated.
    assert done.returncode == (3 if said["trials"]["unknown"] else 0)
    assert said["trials"]["done"] + said["trials"]["unknown"] == 60
    assert said["trials"]["unknown"] <= 2
    assert len(service.ledger) - before <= 60
    assert said["spent"] == pytest.approx(0.1 * said["trials"]["done"])
    assert said["reserved"] == pytest.approx(0.1 * said["trials"]["unknown"])


def test_what_may_be_paid_is_ordered_again_when_the_command_says_so(
    service: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    before = len(service.ledger)
    plan = plan_file(prompts=["jazz"], parameters=tagged("lost", fault="cut_before_id", times=1))
    assert sweep(plan, "--price", "0.1") == 3
    assert sweep(plan, "--price", "0.1") == 3
    assert len(service.ledger) - before == 1
    capsys.readouterr()
    assert sweep(plan, "--price", "0.1", "--order-again") == 0
    said = answer(capsys)
    assert len(service.ledger) - before == 2
    assert (said["trials"]["done"], said["spent"]) == (1, 0.2)


def test_another_process_pauses_resumes_and_stops_it(
    running: Callable[..., subprocess.Popen[str]], service: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    before = len(service.ledger)
    process = running("steered", 200)
    assert main(["study", "study", "pause"]) == 0
    assert process.stderr is not None
    seen = next(line for line in process.stderr if "paused" in line)
    assert "soundverse-nb study DIR resume" in seen
    capsys.readouterr()
    assert main(["study", "study", "--json"]) == 0
    state = answer(capsys)
    assert (state["running"], state["paused"]) == (True, True)
    assert main(["study", "study", "resume"]) == 0
    assert any("goes on" in line for line in process.stderr)
    assert main(["study", "study", "stop"]) == 0
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 5
    done = len(sv.Study("study").trials([TrialState.DONE]))
    assert 0 < done < 200
    assert len(service.ledger) - before == done
    assert f"{done} of 200 trials done" in out


def test_a_sweep_without_a_budget_keeps_within_that_of_the_run_before_until_it_is_lifted(
    service: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = plan_file(repeats=2)
    assert sweep(plan, "--price", "0.1", "--budget", "0.2") == 4
    capsys.readouterr()
    assert sweep(plan) == 4
    said = capsys.readouterr().err
    assert "The budget of 0.20 of the run before has no room" in said
    assert "--budget inf lifts it" in said
    assert sweep(plan, "--budget", "inf") == 0
    assert answer(capsys)["spent"] == 0.4
    assert sweep(plan, "--shard", "0/2", "--budget", "inf") == 0


@pytest.mark.parametrize(
    "options",
    [[], ["status"], ["pause"], ["stop"], ["report", "r.html"], ["save", "s.zip"], ["frame", "f.csv"]],
)
@pytest.mark.parametrize("kind", ["nothing", "an empty folder", "a file", "no store"])
def test_a_command_on_what_is_no_study_says_so_in_the_words_of_the_shell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], kind: str
) -> None:
    place = tmp_path / "nix"
    if kind == "a file":
        place.write_text("no study")
    elif kind != "nothing":
        place.mkdir()
    if kind == "no store":
        (place / "study.sqlite3").write_text("no store at all")
    assert main(["study", str(place), *options]) == 1
    out, err = capsys.readouterr()
    assert not out
    assert err.startswith("soundverse-nb: ")
    assert not re.search(r"\bsv\.|\bstudy\.\w+\(|client\b|\bcell\b|kernel", err), err
