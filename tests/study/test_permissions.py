"""Who may not write to a study reads it all the same, or is told in a sentence why not and what to do."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from soundverse_nb.study.store import NAME, StudyStore
from tests.study.stored import stored_trial
from tests.warm_python import run_python

posix = pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
only_root = pytest.mark.skipif(
    os.name != "posix" or os.geteuid() != 0, reason="a second user is needed, whom root alone can be"
)

# Everything is loaded before root becomes nobody, who cannot read where it lies.
READ = """
import os, sys
import soundverse_nb as sv
import soundverse_nb.study.study, soundverse_nb.client.journal.errors, numpy, encodings.ascii, pwd
sv.Study, sv.merge
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
folder, *asked = sys.argv[1:]
try:
    study = sv.Study(folder)
    for what in asked:
        if what == "wait":
            print("waiting", flush=True)
            sys.stdin.readline()
        elif what == "trials":
            print(len(study.trials()), flush=True)
        elif what == "mark":
            study.mark("trial-1", stars=3)
except sv.ConfigurationError as error:
    print(error)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every user can reach, with a study of three trials in it."""
    made = Path(tempfile.mkdtemp(prefix="soundverse-nb-", dir="/tmp"))
    made.chmod(0o755)
    begun(made).close()
    yield made
    made.chmod(0o755)
    shutil.rmtree(made)


def begun(folder: Path) -> StudyStore:
    store = StudyStore(folder)
    store.take_plan("plan-1", {"references": {"one": "one"}}, [stored_trial(number) for number in (1, 2, 3)])
    return store


def read_as_another(folder: Path, *asked: str) -> str:
    done = run_python(READ, folder, *asked)
    assert done.stderr == ""
    return done.stdout


@posix
def test_a_study_that_may_only_be_read_is_read_and_changing_it_is_a_sentence(folder: Path) -> None:
    (folder / NAME).chmod(0o444)
    folder.chmod(0o555)
    said = read_as_another(folder, "trials", "mark")
    assert said.startswith("3\n")
    assert "cannot be changed by this user" in said
    assert "copy the folder to a place of yours" in said
    assert "Make room" not in said


@only_root
def test_a_study_that_another_user_runs_is_read_beside_it(folder: Path) -> None:
    store = StudyStore(folder)
    store.note(said="now")
    assert store.kept == "write-ahead log"
    assert read_as_another(folder, "trials") == "3\n"
    store.close()


@only_root
@pytest.mark.parametrize("part", ["", "-wal"])
def test_what_of_a_study_cannot_be_read_is_named(folder: Path, part: str) -> None:
    store = StudyStore(folder)
    store.note(said="now")
    closed = folder / f"{NAME}{part}"
    closed.chmod(0o600)
    for mode in (0o755, 0o777):
        folder.chmod(mode)
        said = read_as_another(folder, "trials")
        assert f"{closed} cannot be read by this user" in said
        assert "Ask its owner" in said
        assert "Delete nothing" in said
    store.close()


@posix
def test_a_folder_that_is_closed_is_named(folder: Path) -> None:
    folder.chmod(0o600)
    assert f"{folder} cannot be read by this user" in read_as_another(folder, "trials")


@only_root
def test_who_may_only_read_sees_a_study_grow_that_was_at_rest_when_it_was_opened(folder: Path) -> None:
    with sqlite3.connect(folder / NAME) as connection:
        connection.execute("PRAGMA journal_mode = WAL")  # as a run leaves it whose machine was switched off
    connection.close()
    child = subprocess.Popen(
        [sys.executable, "-c", READ, str(folder), "trials", "wait", "trials"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdout is not None
    assert [child.stdout.readline() for _ in range(2)] == ["3\n", "waiting\n"]
    store = StudyStore(folder)
    store.take_plan(
        "plan-1", {"references": {"one": "one"}}, [stored_trial(number) for number in range(1, 6)]
    )
    out, _ = child.communicate("\n", timeout=120)
    assert out == "5\n"
    store.close()
