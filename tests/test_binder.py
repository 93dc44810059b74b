"""What mybinder.org builds from fits what the package asks for; CI runs the build itself."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from importlib.metadata import requires
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.binder.link import FOLDER as FOLDER_OF_TODAY
from tools.binder.link import binder_link

FOLDER = Path(__file__).parent.parent / "binder"


def pins() -> dict[str, str]:
    lines = (FOLDER / "requirements.txt").read_text().splitlines()
    wanted = [line for line in lines if line and not line.startswith("#")]
    assert [line for line in wanted if not re.fullmatch(r"[A-Za-z0-9_.-]+==[^=\s]+", line)] == []
    return {canonicalize_name(name): version for name, version in (line.split("==") for line in wanted)}


def test_the_interpreter_is_one_that_the_package_supports() -> None:
    assert (FOLDER / "runtime.txt").read_text().strip() in ("python-3.11", "python-3.12", "python-3.13")


@pytest.mark.parametrize("extra", ["", "lab", "archive", "hosting"])
def test_everything_the_notebooks_need_is_pinned_and_new_enough(extra: str) -> None:
    pinned = pins()
    needed = [Requirement(text) for text in requires("soundverse_nb") or []]
    # Without an extra a marker such as `extra == "lab"` is false.
    needed = [r for r in needed if r.marker is None or r.marker.evaluate({"extra": extra})]
    assert needed
    wrong = [str(r) for r in needed if not r.specifier.contains(pinned.get(canonicalize_name(r.name), "0"))]
    assert wrong == []


@pytest.mark.skipif(os.name != "posix", reason="Binder's images are Linux")
def test_the_build_script_is_sound_and_warms_the_first_notebook() -> None:
    script = FOLDER / "postBuild"
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", str(script)], check=True, timeout=20)
    assert "soundverse-nb demo" in script.read_text()


def test_what_the_image_has_besides_is_in_the_lock_file() -> None:
    asked = [
        Requirement(line)
        for line in (FOLDER / "requirements.in").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    pinned = pins()
    assert "nbgitpuller" in {r.name for r in asked}
    assert [
        str(r) for r in asked if not r.specifier.contains(pinned.get(canonicalize_name(r.name), "0"))
    ] == []


class Repository:
    """A repository with what the image is made of, and a notebook."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in (
            "binder/requirements.txt",
            "notebooks/01.ipynb",
            "soundverse_nb/__init__.py",
            "README.md",
        ):
            self.write(name, "first")
        (folder / "scripts").mkdir()
        shutil.copy(FOLDER.parent / "scripts" / "binder-branch", folder / "scripts")
        self.git("init", "-q", "-b", "main")
        self.commit()

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def commit(self) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "change")

    def run(self, *command: str) -> str:
        names = {
            f"GIT_{who}_{what}": "a@b.example"
            for who in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        }
        environment = {**os.environ, **names}
        done = subprocess.run(
            command, cwd=self.folder, env=environment, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def git(self, *words: str) -> str:
        return self.run("git", *words)

    def move_branch(self) -> str:
        self.run("bash", str(self.folder / "scripts" / "binder-branch"))
        return self.git("rev-parse", "binder")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    if os.name != "posix" or shutil.which("git") is None:
        pytest.skip("the script runs where git and bash are")
    return Repository(tmp_path)


def test_the_images_branch_has_the_package_and_no_notebooks(repository: Repository) -> None:
    repository.move_branch()
    files = repository.git("ls-tree", "-r", "--name-only", "binder").splitlines()
    assert files == ["README.md", "binder/requirements.txt", "soundverse_nb/__init__.py"]


def test_a_change_to_a_notebook_builds_no_new_image(repository: Repository) -> None:
    before = repository.move_branch()
    repository.write("notebooks/01.ipynb", "a typo less")
    repository.write("soundverse_nb/__init__.py", "a function more")
    repository.commit()
    assert repository.move_branch() == before


def test_a_change_to_the_lock_file_builds_one_and_keeps_the_branchs_history(repository: Repository) -> None:
    before = repository.move_branch()
    repository.write("binder/requirements.txt", "second")
    repository.commit()
    after = repository.move_branch()
    assert repository.git("show", "binder:binder/requirements.txt") == "second"
    assert repository.git("rev-parse", f"{after}^") == before
    assert repository.git("status", "--porcelain") == ""


def test_a_fresh_clone_goes_on_from_the_branch_of_the_remote(repository: Repository, tmp_path: Path) -> None:
    before = repository.move_branch()
    clone = tmp_path / "clone"
    repository.git("clone", "-q", ".", str(clone))
    repository.folder = clone
    assert repository.move_branch() == before


def test_the_link_names_the_image_and_todays_notebooks() -> None:
    link = urlsplit(binder_link("https://github.com/owner/name.git", "04_prompt_sweep.ipynb"))
    assert (link.netloc, link.path) == ("mybinder.org", "/v2/gh/owner/name/binder")
    path, _, query = parse_qs(link.query)["urlpath"][0].partition("?")
    assert path == "git-pull"
    assert parse_qs(query) == {
        "repo": ["https://github.com/owner/name"],
        "branch": ["main"],
        "targetpath": ["today"],
        "urlpath": ["lab/tree/today/notebooks/04_prompt_sweep.ipynb"],
    }
    assert f"/{FOLDER_OF_TODAY}" in (FOLDER / "postBuild").read_text()


def test_a_notebook_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="01_quickstart"):
        binder_link("https://github.com/owner/name", "01_quikstart")


def test_the_teachers_sheet_has_the_same_link() -> None:
    sheet = (FOLDER.parent / "docs" / "teaching.md").read_text(encoding="utf-8")
    assert binder_link("https://github.com/OWNER/soundverse_nb") in sheet


@pytest.mark.parametrize(
    "address",
    ["", "owner/name", "http://github.com/o/s", "https://github.com/owner", "https://github.com/o w/s"],
)
def test_an_address_that_is_no_repository_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="no repository"):
        binder_link(address)
