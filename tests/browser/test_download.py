"""The button that downloads a study, where Binder and hubs have JupyterLab: below an address of its own."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from soundverse_nb.study.store import MICRO, StudyStore, TrialState
from tests.browser.lab import Lab, jupyterlab
from tests.study.stored import stored_trial


@pytest.fixture
def hub(chromium: Browser, tmp_path: Path) -> Iterator[Lab]:
    with jupyterlab(tmp_path / "hub", base_url="/user/abc/") as server:
        lab = Lab(server, chromium)
        yield lab
        lab.close()


def write_study(folder: Path) -> str:
    """A study of one trial, with three megabytes that no compression makes less; where they are in it."""
    store = StudyStore(folder)
    trial = stored_trial(1, simulated=True)
    audio = os.urandom(3_000_000)
    name = f"audio/{hashlib.sha256(audio).hexdigest()}.mp3"
    (folder / "audio").mkdir()
    (folder / name).write_bytes(audio)
    store.take_plan("plan-1", {"seed": 7, "prompts": {"jazz": "jazz"}}, [trial])
    store.reserve("trial-1", MICRO // 10, None, now=1_750_000_000.0)
    store.settle("trial-1", TrialState.DONE, charged=MICRO // 10, file=name)
    store.close()
    return name


def test_the_zip_comes_down_whole_from_a_hub(hub: Lab, tmp_path: Path) -> None:
    lessons = hub.server.root / "lessons in sound"
    audio = write_study(lessons / "my study")
    path = hub.write(
        "lessons in sound/lesson.ipynb", ["import soundverse_nb as sv\nsv.Study('my study').download()"]
    )
    notebook = hub.open_notebook(path)
    notebook.run_all()
    notebook.wait_until_run()
    button = notebook.output_of(0).get_by_role("link", name="Download my study.zip")
    expect(button).to_be_visible()
    with notebook.page.expect_download() as coming:
        button.click()
    assert coming.value.suggested_filename == "my study.zip"
    assert "/user/abc/files/" in coming.value.url
    coming.value.save_as(tmp_path / "came.zip")
    assert (tmp_path / "came.zip").read_bytes() == (lessons / "my study.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "came.zip") as archive:
        assert archive.testzip() is None
        assert len(archive.read(audio)) == 3_000_000
    # The notebook holds the button, and none of the megabytes.
    notebook.save()
    assert notebook.file.stat().st_size < 20_000
