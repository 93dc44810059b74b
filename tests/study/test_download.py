"""The button that downloads a study: where it leads, and what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

import soundverse_nb as sv
from soundverse_nb.study.download import Download
from soundverse_nb.study.store import StudyStore
from tests.study.stored import stored_trial


@pytest.fixture
def study(tmp_path: Path) -> sv.Study:
    store = StudyStore(tmp_path / "my study")
    trial = stored_trial(1, simulated=True)
    store.take_plan("plan-1", {"seed": 7, "prompts": {"jazz": "jazz"}}, [trial])
    store.close()
    return sv.Study(tmp_path / "my study")


def html(download: Download) -> str:
    return download._repr_mimebundle_()["text/html"]


def test_the_archive_lies_beside_the_notebook_and_opens_again(
    study: sv.Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The kernel went elsewhere since it started; the front end resolves links from the notebook.
    notebooks = tmp_path / "lessons"
    notebooks.mkdir()
    monkeypatch.setenv("JPY_SESSION_NAME", str(notebooks / "04 prompts.ipynb"))
    monkeypatch.chdir(tmp_path)
    download = study.download()
    assert download.path == notebooks / "my study.zip"
    assert download.href == "my%20study.zip"
    assert 'href="my%20study.zip"' in html(download)
    assert 'download="my study.zip"' in html(download)
    assert sv.Study.open_zip(download.path, tmp_path / "again").trials() == study.trials()


@pytest.mark.parametrize("named", ["", "lesson.ipynb", "/nowhere/at/all/lesson.ipynb"])
def test_without_a_notebooks_place_it_is_the_working_folder(
    study: sv.Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", named)
    monkeypatch.chdir(tmp_path)
    assert study.download().path == tmp_path / "my study.zip"


def test_a_zip_elsewhere_is_linked_from_the_notebook(
    study: sv.Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lessons").mkdir()
    monkeypatch.chdir(tmp_path / "lessons")
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    assert study.download(tmp_path / "results" / "a&b.zip").href == "../results/a%26b.zip"


def test_it_says_the_size_and_the_place_in_text_too(study: sv.Study, tmp_path: Path) -> None:
    download = study.download(tmp_path / "out.zip")
    assert str(tmp_path / "out.zip") in repr(download)
    assert " kB" in repr(download)
    assert download._repr_mimebundle_()["text/plain"] == repr(download)


def test_a_hostile_name_stays_text(tmp_path: Path) -> None:
    shown = html(Download(tmp_path / '"><script>alert(1)<', tmp_path))
    assert "<script" not in shown
    assert "%22%3E%3Cscript%3E" in shown


def test_a_name_with_a_colon_is_no_other_scheme(tmp_path: Path) -> None:
    assert Download(tmp_path / "javascript:alert(1).zip", tmp_path).href == "javascript%3Aalert%281%29.zip"


def test_a_folder_in_place_of_the_zip_is_refused_before_anything_is_packed(
    study: sv.Study, tmp_path: Path
) -> None:
    with pytest.raises(sv.ConfigurationError, match=r"is a folder.*study\.zip"):
        study.download(tmp_path)


def test_what_was_never_run_cannot_be_downloaded(tmp_path: Path) -> None:
    with pytest.raises(sv.ConfigurationError):
        sv.Study(tmp_path / "none", sv.Client(progress=False)).download(tmp_path / "out.zip")
