"""Voila turns the first notebook into a page: the result and the players are on it, and they play."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.lab import likely_port, plays

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "01_quickstart.ipynb"


@pytest.fixture(scope="module")
def voila(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the page; Voila runs the notebook when it is asked for."""
    folder = tmp_path_factory.mktemp("voila")
    log = folder / "voila.log"
    command = [
        *(sys.executable, "-m", "voila", str(NOTEBOOK), "--no-browser", f"--port={likely_port()}"),
        *("--Voila.ip=127.0.0.1", "--strip_sources=True"),
    ]
    environment = {**os.environ, "JUPYTER_RUNTIME_DIR": str(folder), "IPYTHONDIR": str(folder)}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=environment, stdin=subprocess.DEVNULL
        )
    try:
        yield _address(process, log)
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    """Where Voila says that it listens, once it does."""
    deadline = time.monotonic() + 60
    while True:
        said = log.read_text(errors="replace")
        if found := re.search(r"is running at:\s+http://[^:/]+:(\d+)/", said):
            return f"http://127.0.0.1:{found[1]}"
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"Voila did not start:\n{said[-4000:]}")
        time.sleep(0.1)  # polling a server of another process: there is nothing to wait on


@pytest.fixture
def page(chromium: Browser, voila: str) -> Iterator[Page]:
    context = chromium.new_context()
    opened = context.new_page()
    opened.goto(voila, timeout=180_000, wait_until="load")
    yield opened
    context.close()


def test_voila_shows_the_result_and_both_kinds_of_players(page: Page) -> None:
    result = page.locator(".soundverse-result").first
    expect(result).to_contain_text("simulated", timeout=120_000)
    expect(result.locator("img[alt^=Waveform]")).to_have_count(2)
    assert [plays(player) for player in result.locator("audio").all()] == [True, True]
    live = page.locator(".svp")
    expect(live).to_be_visible(timeout=60_000)
    live.get_by_role("button", name="Play").click()
    expect(live.locator(".svp-time")).not_to_have_text(re.compile(r"^0:00 /"))
    # One of the remix, and one of an exercise's.
    expect(page.get_by_text("1 of 1 finished").first).to_be_visible()
