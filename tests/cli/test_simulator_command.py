"""`soundverse-nb simulator` as another program sees it: the document's own sample, run against it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests

COMMAND = [sys.executable, "-m", "soundverse_nb", "simulator", "--port", "0"]


@dataclass
class Running:
    process: subprocess.Popen[str]
    url: str

    def stop(self) -> str:
        """Interrupt it as Ctrl-C does and return what it said last."""
        self.process.send_signal(signal.SIGINT)
        said, _ = self.process.communicate(timeout=60)
        return said


def start(*options: str) -> Running:
    process = subprocess.Popen(
        [*COMMAND, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    found = re.search(r"http://127\.0\.0\.1:\d+", first)
    if not found:
        process.kill()
        pytest.fail(f"no address in {first + process.stdout.read()!r}")
    return Running(process, found.group())


@pytest.fixture
def simulator() -> Iterator[Running]:
    running = start("--speed", "200")
    yield running
    running.process.kill()
    running.process.wait()


def as_the_document_reads_it(url: str, key: str, payload: dict[str, Any]) -> list[dict[str, Any]]:
    """The document's Python sample, line for line in what it does: requests, iter_lines, "data: "."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    chunks = []
    answer = requests.post(url, json=payload, headers=headers, stream=True, timeout=60)
    for line in answer.iter_lines():
        if line:
            text = line.decode("utf-8")
            if text.startswith("data: "):
                chunks.append(json.loads(text[6:]))
    return chunks


def test_the_documents_own_sample_sees_the_documented_stages_in_order(simulator: Running) -> None:
    chunks = as_the_document_reads_it(
        f"{simulator.url}/v7/generate/remix",
        "any key",
        {"song_reference_url": reference_url(simulator.url), "prompt": "upbeat jazz remix with brass horns"},
    )
    stages = list(dict.fromkeys(chunk["status"] for chunk in chunks))
    assert stages == [
        "validating",
        "queued",
        "starting",
        "initializing",
        "uploading",
        "streaming",
        "completed",
    ]
    assert [chunk["chunkIndex"] for chunk in chunks] == list(range(len(chunks)))
    assert [chunk["isComplete"] for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    progress = [chunk["progress"] for chunk in chunks if "progress" in chunk]
    assert progress[0] == 0
    assert progress[-1] == 100
    assert progress == sorted(progress)
    assert chunks[-1]["audio_url"].startswith("http")


def test_the_ledger_is_printed_when_it_is_interrupted(simulator: Running) -> None:
    payload = {"song_reference_url": reference_url(simulator.url), "prompt": "slow blues"}
    chunks = as_the_document_reads_it(f"{simulator.url}/v7/generate/remix", "any key", payload)
    said = simulator.stop()
    assert chunks[-1]["message_id"] in said
    assert simulator.process.returncode == 0


def test_a_key_can_be_asked_for() -> None:
    running = start("--speed", "200", "--api-key", "opensesame")
    try:
        url, song = f"{running.url}/v7/generate/remix", {"song_reference_url": "https://example.org/song.mp3"}
        wrong = requests.post(url, json=song, headers={"Authorization": "Bearer wrong"}, timeout=30)
        right = requests.post(url, json=song, headers={"Authorization": "Bearer opensesame"}, timeout=30)
        assert wrong.status_code == 401
        # The right key gets as far as the request's own rules.
        assert right.json() == {"detail": "Either prompt or lyrics must be provided"}
    finally:
        running.process.kill()
        running.process.wait()


def test_a_fault_can_be_asked_for() -> None:
    running = start("--speed", "200", "--fault", "rate_limit=1")
    try:
        payload = {"song_reference_url": reference_url(running.url), "prompt": "slow blues"}
        url, headers = f"{running.url}/v7/generate/remix", {"Authorization": "Bearer x"}
        refused = requests.post(url, json=payload, headers=headers, timeout=30)
        assert refused.json()["message"] == "Rate limits have been passed for the user."
        assert as_the_document_reads_it(url, "x", payload)[-1]["isComplete"] is True
    finally:
        running.process.kill()
        running.process.wait()


def test_repeats_can_be_pinned_to_one_take_and_rendered_short() -> None:
    running = start("--speed", "200", "--take", "2", "--render", "short")
    try:
        payload = {"song_reference_url": reference_url(running.url), "prompt": "slow blues"}
        url = f"{running.url}/v7/generate/remix"
        ends = [as_the_document_reads_it(url, "x", payload)[-1] for _ in range(2)]
        first, second = (requests.get(end["audio_url"], timeout=30).content for end in ends)
        assert first == second
        assert len(first) < 20_000
    finally:
        running.process.kill()
        running.process.wait()


@pytest.mark.parametrize(
    "options",
    [
        ["--port", "70000"],
        ["--port", "abc"],
        ["--speed", "0"],
        ["--speed", "nan"],
        ["--speed", "fast"],
        ["--hold", "-1"],
        ["--hold", "long"],
        ["--take", "0"],
        ["--take", "1.5"],
    ],
)
def test_a_setting_that_makes_no_sense_is_a_wrong_call(options: list[str]) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "soundverse_nb", "simulator", *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 2
    assert f"argument {options[0]}: {options[1]} is " in run.stderr
    assert "_" not in run.stderr.splitlines()[-1], "a private name"


def test_an_unknown_fault_is_named_with_the_known_ones() -> None:
    run = subprocess.run(
        [*COMMAND, "--fault", "gremlins"], capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 1
    assert "gremlins" in run.stderr
    assert "rate_limit" in run.stderr
    assert "Traceback" not in run.stderr
    assert "paid" not in run.stderr, "money has no part in a mistyped name"


def test_help_lists_every_fault_and_what_it_does() -> None:
    from soundverse_nb.simulator import FAULTS

    run = subprocess.run(
        [*COMMAND, "--help"], capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "COLUMNS": "80"},
    )  # fmt: skip
    assert run.returncode == 0
    listed = re.findall(r"^  ([a-z0-9_]+)  +\w", run.stdout.partition("Faults")[2], re.MULTILINE)
    assert listed == list(FAULTS)
    assert all(len(line) < 80 for line in run.stdout.splitlines())


def test_each_command_is_one_row_of_the_help(monkeypatch: pytest.MonkeyPatch) -> None:
    from soundverse_nb.cli.command import parser

    monkeypatch.setenv("COLUMNS", "80")
    rows = parser().format_help().partition("COMMAND\n")[2]
    for name in ("demo", "preflight", "simulator", "orders", "recover"):
        assert re.search(rf"^ +{name}  +\w", rows, re.MULTILINE)


def test_a_port_in_use_says_nothing_of_money() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        run = subprocess.run(
            [*COMMAND[:-1], str(taken.getsockname()[1])],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert run.returncode == 1
    assert "cannot listen on 127.0.0.1" in run.stderr
    assert "paid" not in run.stderr


def reference_url(base: str) -> str:
    """Give the embedded service the example song, as its client does with a local file."""
    from soundverse_nb.examples import example_song

    answer = requests.post(
        f"{base}/simulator/references",
        data=example_song().read_bytes(),
        headers={"X-Filename": "song.mp3", "Authorization": "Bearer any key"},
        timeout=60,
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["url"])
