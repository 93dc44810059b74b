"""A study as a zip: whole, described, without secrets; and unpacked without harm."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import sqlite3
import sys
import threading
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import soundverse_nb as sv
from soundverse_nb.api import secrets
from soundverse_nb.study.archive import ENVIRONMENT, PLAN, TRIALS, save_archive
from soundverse_nb.study.crate import DESCRIPTION
from soundverse_nb.study.environments import note_run, runs_of
from soundverse_nb.study.store import MICRO, NAME, StudyStore, TrialState
from soundverse_nb.study.unpacking import open_archive
from tests.study.conftest import write_song
from tests.study.stored import stored_trial

KEY = "sv-key-4711-of-nobody"
SIGNED = "https://songs.example.org/one.mp3?X-Amz-Signature=s3cretsignature"


def put(folder: Path, content: bytes, suffix: str = ".mp3") -> str:
    name = f"audio/{hashlib.sha256(content).hexdigest()}{suffix}"
    (folder / "audio").mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return name


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A study of three trials: one done, one failed, one never run."""
    made = tmp_path / "study"
    store = StudyStore(made)
    store.take_plan(
        "plan-1",
        {"seed": 7, "prompts": {"jazz": "jazz"}},
        [stored_trial(n, simulated=True) for n in (1, 2, 3)],
    )
    store.take_song("content-of-one", "one", put(made, b"the song", ".wav"), 30.0)
    for number in (1, 2):
        store.reserve(f"trial-{number}", MICRO // 10, None, now=1_750_000_000.0)
    done = {"song_name": "Jazz of one", "file": put(made, b"the remix"), "finished": 1_750_000_100.0}
    store.settle("trial-1", TrialState.DONE, charged=MICRO // 10, **done)
    store.settle("trial-2", TrialState.FAILED, charged=0, error="The service refused it.")
    store.close()
    return made


@pytest.fixture
def archive(folder: Path, tmp_path: Path) -> Path:
    return save_archive(folder, tmp_path / "study.zip")


def rewritten(archive: Path, changed: dict[str, bytes], without: tuple[str, ...] = ()) -> Path:
    """The archive with other members."""
    path = archive.with_name("changed.zip")
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(path, "w") as new, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of names that are there twice
        for name in old.namelist():
            if name not in changed and name not in without:
                new.writestr(name, old.read(name))
        for name, content in changed.items():
            new.writestr(name, content)
    return path


def states(folder: Path) -> list[str]:
    store = StudyStore(folder, readonly=True)
    try:
        return [each.state.value for each in store.trials()]
    finally:
        store.close()


def test_a_study_comes_back_as_it_was(folder: Path, archive: Path, tmp_path: Path) -> None:
    again = open_archive(archive, tmp_path / "elsewhere" / "again")
    before, after = StudyStore(folder, readonly=True), StudyStore(again, readonly=True)
    try:
        assert after.trials() == before.trials()
        assert after.plan() == before.plan()
        assert after.spent() == before.spent()
    finally:
        before.close()
        after.close()
    audio = {path.name: path.read_bytes() for path in (folder / "audio").iterdir()}
    assert {path.name: path.read_bytes() for path in (again / "audio").iterdir()} == audio


def test_anybody_can_read_the_trials_without_this_library(archive: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        rows = list(csv.DictReader(io.StringIO(opened.read(TRIALS).decode("utf-8"))))
        plan = json.loads(opened.read(PLAN))
        made_with = json.loads(opened.read(ENVIRONMENT))
    assert [row["state"] for row in rows] == ["done", "failed", "missing"]
    assert [row["cost"] for row in rows] == ["0.1", "0.0", "0.0"]
    assert plan["hash"] == "plan-1"
    assert made_with["soundverse_nb"] == sv.__version__


@pytest.mark.parametrize("form", ["frame", "columns", "rows"])
def test_the_studys_own_frame_takes_the_place_of_the_stores_columns(
    form: str, folder: Path, tmp_path: Path
) -> None:
    import pandas as pd

    columns = {"prompt": ["jazz", "a, b\nc"], "tune_kept": [0.5, float("nan")], "note": [None, "fine"]}
    frame = pd.DataFrame(columns)
    table = {"frame": frame, "columns": columns, "rows": frame.to_dict("records")}[form]
    path = save_archive(folder, tmp_path / "study.zip", table=table)
    with zipfile.ZipFile(path) as opened:
        rows = list(csv.DictReader(io.StringIO(opened.read(TRIALS).decode("utf-8"), newline="")))
    assert rows == [
        {"prompt": "jazz", "tune_kept": "0.5", "note": ""},
        {"prompt": "a, b\nc", "tune_kept": "", "note": "fine"},
    ]


def test_keys_signatures_and_runners_stay_out(folder: Path, tmp_path: Path) -> None:
    secrets.remember_key(KEY)
    store = StudyStore(folder)
    store.settle("trial-2", TrialState.FAILED, charged=None, error=f"{SIGNED} was refused", note=f"key {KEY}")
    store.note(runner='{"host": "here", "pid": 7}', command="pause", about=f"from {SIGNED}")
    store.note(other=f"a secret of long ago: {KEY}" * 50)
    store.note(other="")  # what was there stays in the file's free pages
    store.close()
    table = [{"note": f"{SIGNED} {KEY}"}]
    path = save_archive(folder, tmp_path / "study.zip", table=table, made_with={"python": "3.11"})
    with zipfile.ZipFile(path) as opened:
        content = b"".join(opened.read(name) for name in opened.namelist())
    for secret in (KEY, "s3cretsignature", '"pid": 7'):
        assert secret.encode() not in content
    again = open_archive(path, tmp_path / "again")
    kept = StudyStore(again, readonly=True)
    assert kept.meta() == {"about": "from https://songs.example.org/one.mp3?...", "other": ""}
    kept.close()
    # The study itself is left as it was.
    own = StudyStore(folder, readonly=True)
    assert own.meta()["command"] == "pause"
    own.close()


def test_where_the_journal_of_this_machine_lies_stays_out(folder: Path, tmp_path: Path) -> None:
    store = StudyStore(folder)
    store.settle("trial-2", TrialState.FAILED, charged=None, journal="host:/home/somebody/orders.sqlite3:7")
    store.close()
    with zipfile.ZipFile(save_archive(folder, tmp_path / "study.zip")) as opened:
        assert b"/home/somebody" not in opened.read(NAME)


def test_a_link_that_is_part_of_a_prompt_stays(folder: Path, tmp_path: Path) -> None:
    store = StudyStore(folder)
    linked = {"prompt": "like https://songs.example.org/?song=12"}
    store.take_plan("plan-1", {}, [stored_trial(4, instructions=linked, simulated=True)])
    store.close()
    again = StudyStore(open_archive(save_archive(folder, tmp_path / "a.zip"), tmp_path / "b"), readonly=True)
    assert linked in [each.instructions for each in again.trials()]
    again.close()


def test_a_running_study_is_archived_as_it_stands_at_one_moment(folder: Path, tmp_path: Path) -> None:
    writer = StudyStore(folder)
    writer.take_plan("plan-1", {}, [stored_trial(number, simulated=True) for number in range(1, 400)])
    is_over = threading.Event()

    def run() -> None:
        for number in range(4, 400):
            if is_over.is_set():
                return
            writer.reserve(f"trial-{number}", 10, None)
            writer.settle(f"trial-{number}", TrialState.FAILED, charged=number)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        paths = [save_archive(folder, tmp_path / f"{number}.zip") for number in range(3)]
    finally:
        is_over.set()
        thread.join()
        writer.close()
    for path in paths:
        store = StudyStore(open_archive(path, path.with_suffix("")), readonly=True)
        # One after the other: each that is over was charged, and at most one is reserved.
        over = [each for each in store.trials() if each.number > 3 and each.state is TrialState.FAILED]
        assert [each.charged for each in over] == [each.number for each in over]
        assert store.spent()[1] in (0, 10)
        store.close()


def test_audio_that_is_gone_is_told_of_and_the_rest_is_kept(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    next((folder / "audio").glob("*.mp3")).unlink()
    path = save_archive(folder, tmp_path / "study.zip")
    assert "1 of 2 audio files are gone" in capsys.readouterr().err
    with zipfile.ZipFile(path) as opened:
        described = json.loads(opened.read(DESCRIPTION))
        assert {e["@id"] for e in described["@graph"] if e["@type"] == "File"} <= set(opened.namelist())
    assert states(open_archive(path, tmp_path / "again")) == ["done", "failed", "missing"]


def test_nothing_outside_of_the_study_gets_in(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "private.mp3").write_bytes(b"nobody's business")
    link = folder / "audio" / f"{'a' * 64}.mp3"
    link.symlink_to(tmp_path / "private.mp3")
    store = StudyStore(folder)
    store.settle("trial-2", TrialState.FAILED, charged=None, file="../private.mp3")
    store.settle("trial-3", TrialState.FAILED, charged=None, file=f"audio/{link.name}")
    store.close()
    with zipfile.ZipFile(save_archive(folder, tmp_path / "study.zip")) as opened:
        assert b"nobody's business" not in [opened.read(name) for name in opened.namelist()]


def test_a_failed_archive_leaves_the_one_that_was_there(
    folder: Path, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = archive.read_bytes()

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "write", full)
    with pytest.raises(sv.ConfigurationError, match="No space left"):
        save_archive(folder, archive)
    assert archive.read_bytes() == before
    assert sorted(path.name for path in archive.parent.iterdir()) == ["study", "study.zip"]


def test_what_is_no_study_makes_no_archive(tmp_path: Path) -> None:
    with pytest.raises(sv.ConfigurationError, match="There is no study"):
        save_archive(tmp_path / "none", tmp_path / "study.zip")
    assert not (tmp_path / "study.zip").exists()


def test_without_rocrate_it_says_what_to_install(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rocrate.rocrate", None)
    with pytest.raises(sv.ConfigurationError, match="pip install rocrate"):
        save_archive(folder, tmp_path / "study.zip")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["study"]


def test_the_description_says_what_each_file_was_made_from(folder: Path, tmp_path: Path) -> None:
    path = save_archive(
        folder,
        tmp_path / "study.zip",
        title="Waltzes",
        licence="https://creativecommons.org/licenses/by/4.0/",
        author="A. Musician",
    )
    with zipfile.ZipFile(path) as opened:
        entities = {e["@id"]: e for e in json.loads(opened.read(DESCRIPTION))["@graph"]}
        names = set(opened.namelist())
    root = entities["./"]
    assert root["name"] == "Waltzes"
    assert "1 of 3 trials done, simulated, 1 songs" in root["description"]
    assert {part["@id"] for part in root["hasPart"]} == names - {DESCRIPTION}
    song = next(i for i in entities if i.endswith(".wav"))
    remix = entities[next(i for i in entities if i.endswith(".mp3"))]
    assert remix["isBasedOn"] == {"@id": song}
    assert remix["description"] == "A simulated remix of one: jazz, repeat 1."
    assert entities["#run"]["startTime"] == "2025-06-15T15:06:40+00:00"


@pytest.fixture
def issues_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], list[str]]:
    """What roc-validator finds, with the vocabulary that rocrate ships in place of the one on the web."""
    import requests
    import rocrate

    monkeypatch.setenv("ROCRATE_VALIDATOR_AUTO_WARM", "0")
    from rocrate_validator import services as validator
    from rocrate_validator.utils.http import HttpRequester

    def vocabulary(*_: Any, **__: Any) -> requests.Response:
        answer = requests.Response()
        answer.status_code = 200
        answer.headers["Content-Type"] = "application/ld+json"
        answer._content = (Path(rocrate.__file__).parent / "data" / "ro-crate.jsonld").read_bytes()
        return answer

    monkeypatch.setattr(HttpRequester, "get", vocabulary, raising=False)

    def issues(path: Path) -> list[str]:
        settings = validator.ValidationSettings(
            rocrate_uri=str(path), profile_identifier="ro-crate-1.1", no_cache=True
        )
        return [str(issue.message) for issue in validator.validate(settings).get_issues()]

    return issues


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated")
def test_an_independent_validator_accepts_the_description(
    folder: Path, archive: Path, tmp_path: Path, issues_of: Callable[[Path], list[str]]
) -> None:
    licence = "https://creativecommons.org/licenses/by/4.0/"
    full = save_archive(folder, tmp_path / "full.zip", licence=licence, author="A. Musician")
    assert issues_of(archive) == []
    assert issues_of(full) == []
    # It would have found something.
    with zipfile.ZipFile(archive) as opened:
        described = opened.read(DESCRIPTION).replace(b'"./audio', b'"./gone').replace(b'"audio', b'"gone')
    assert issues_of(rewritten(archive, {DESCRIPTION: described})) != []


def test_a_folder_that_somebody_zipped_by_hand_opens_too(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "by hand.zip"
    writer = StudyStore(folder)  # so that something is in the write-ahead log alone
    writer.settle("trial-3", TrialState.FAILED, charged=0)
    with zipfile.ZipFile(path, "w") as packed:
        for file in sorted(folder.rglob("*")):
            packed.write(file, Path("my study") / file.relative_to(folder))
        packed.writestr("my study/notes.txt", "mine")
        packed.writestr("__MACOSX/._x", "")
    writer.close()
    again = open_archive(path, tmp_path / "again")
    assert sorted(child.name for child in again.iterdir()) == ["audio", NAME]
    assert states(again) == ["done", "failed", "failed"]


def test_an_empty_folder_is_taken_and_a_full_one_left_as_it_is(
    folder: Path, archive: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    assert states(open_archive(archive, tmp_path / "empty")) == ["done", "failed", "missing"]
    with pytest.raises(sv.ConfigurationError, match="is not empty"):
        open_archive(archive, folder)


@pytest.mark.parametrize(
    "name", ["../evil.txt", "/etc/evil", "audio/../../evil", "C:\\evil", "..\\evil", "a/.."]
)
def test_a_name_that_leads_out_is_refused(name: str, archive: Path, tmp_path: Path) -> None:
    with pytest.raises(sv.ConfigurationError, match="leads out"):
        open_archive(rewritten(archive, {name: b"evil"}), tmp_path / "in" / "again")
    assert not list((tmp_path / "in").iterdir())
    assert not list(tmp_path.rglob("evil*"))


def test_what_no_study_has_stays_in_the_zip(archive: Path, tmp_path: Path) -> None:
    more = {"audio/run.sh": b"#!/bin/sh", "run.sh": b"#!/bin/sh", f"audio/{'a' * 64}.mp3/x": b"", "x/y": b""}
    again = open_archive(rewritten(archive, more), tmp_path / "again")
    assert not list(again.rglob("*.sh"))


def test_a_bomb_is_not_unpacked(archive: Path, tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        new.writestr(NAME, old.read(NAME))
        for number in range(4):
            new.writestr(f"audio/{str(number) * 64}.mp3", bytes(5_000_000))
    assert path.stat().st_size < 100_000
    with pytest.raises(sv.ConfigurationError, match=r"unpacks to 20.* MB, and 10 MB are the most here"):
        open_archive(path, tmp_path / "again", most_bytes=10_000_000)
    assert not (tmp_path / "again").exists()


def test_a_member_that_is_larger_than_it_says_is_not_unpacked(archive: Path, tmp_path: Path) -> None:
    path = tmp_path / "lie.zip"
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        new.writestr(NAME, old.read(NAME))
        new.writestr(f"audio/{'0' * 64}.mp3", bytes(5_000_000))
        new.getinfo(f"audio/{'0' * 64}.mp3").file_size = 1000
    with pytest.raises(sv.ConfigurationError, match="damaged"):
        open_archive(path, tmp_path / "again")
    assert not (tmp_path / "again").exists()


def _with_sql(archive: Path, folder: Path, statement: str) -> bytes:
    copied = folder / "copied.sqlite3"
    with zipfile.ZipFile(archive) as opened:
        copied.write_bytes(opened.read(NAME))
    connection = sqlite3.connect(copied)
    connection.execute(statement)
    connection.commit()
    connection.close()
    return copied.read_bytes()


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE trials SET file = '/etc/passwd' WHERE number = 1", "outside of the study"),
        ("UPDATE songs SET file = '../../.ssh/id'", "outside of the study"),
        ("CREATE TRIGGER t AFTER UPDATE ON trials BEGIN DELETE FROM trials; END", "triggers or views"),
        ("CREATE VIEW v AS SELECT 1", "triggers or views"),
        ("UPDATE trials SET state = 'odd'", "is damaged"),
        ("UPDATE trials SET factors = '{'", "is damaged"),
        ("PRAGMA user_version = 99", "newer soundverse_nb"),
        ("PRAGMA application_id = 7", "is no study"),
    ],
)
def test_a_store_that_was_tampered_with_is_not_unpacked(
    statement: str, said: str, archive: Path, tmp_path: Path
) -> None:
    path = rewritten(archive, {NAME: _with_sql(archive, tmp_path, statement)})
    with pytest.raises(sv.ConfigurationError, match=said):
        open_archive(path, tmp_path / "in" / "again")
    assert not list((tmp_path / "in").iterdir())


def test_what_is_no_archive_is_a_sentence(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "text.zip").write_text("no zip")
    (tmp_path / "cut.zip").write_bytes(archive.read_bytes()[:-200])
    damaged = bytearray(archive.read_bytes())
    damaged[damaged.index(b"the remix")] ^= 0xFF
    (tmp_path / "damaged.zip").write_bytes(damaged)
    for name, said in (
        ("text", "is no zip"),
        ("cut", "is no zip"),
        ("damaged", "damaged"),
        ("none", "No such file"),
    ):
        with pytest.raises(sv.ConfigurationError, match=said):
            open_archive(tmp_path / f"{name}.zip", tmp_path / "in" / "again")
    with pytest.raises(sv.ConfigurationError, match="it has no study"):
        open_archive(rewritten(archive, {}, without=(NAME,)), tmp_path / "in" / "again")
    doubled = rewritten(archive, {})
    with zipfile.ZipFile(doubled, "a") as packed, pytest.warns(UserWarning, match="Duplicate"):
        packed.writestr(NAME, b"another")
    with pytest.raises(sv.ConfigurationError, match="two files"):
        open_archive(doubled, tmp_path / "in" / "again")
    assert not list((tmp_path / "in").iterdir())


def test_a_study_packs_itself_with_its_frame_and_opens_elsewhere(folder: Path, tmp_path: Path) -> None:
    study = sv.Study(folder)
    path = study.save(tmp_path / "packed" / "study.zip")
    with zipfile.ZipFile(path) as opened:
        rows = list(csv.DictReader(io.StringIO(opened.read(TRIALS).decode("utf-8"))))
    assert list(rows[0]) == list(study.to_frame())
    assert rows[0]["finished"] == "2025-06-15T15:08:20+00:00"
    again = sv.Study.open_zip(path, tmp_path / "again")
    assert again.trials() == study.trials()
    assert sv.Study(tmp_path / "again").clip("trial-1").path.is_file()
    with pytest.raises(sv.ConfigurationError, match=r"is a file.*open_zip"):
        sv.Study(path)


def test_the_versions_in_an_archive_are_those_of_the_run(folder: Path, tmp_path: Path) -> None:
    store = StudyStore(folder)
    store.note(
        environment=json.dumps({"versions": {"soundverse_nb": "0.0.1"}, "python": "3.10.0", "seed": 7})
    )
    store.close()
    with zipfile.ZipFile(sv.Study(folder).save(tmp_path / "study.zip")) as opened:
        made_with = json.loads(opened.read(ENVIRONMENT))
    assert made_with == {"soundverse_nb": "0.0.1", "python": "3.10.0", "seed": "7"}


def test_versions_that_differed_between_runs_are_told_everywhere(folder: Path, tmp_path: Path) -> None:
    store = StudyStore(folder)
    for at, version in enumerate(["1.26.4", "1.26.4", "2.1.0"]):
        note_run(store, {"versions": {"numpy": version}, "python": "3.10.0", "seed": 7}, now=1000.0 + at)
    whole = {**sv.Plan({"one": "one.mp3"}, ["jazz"]).description(), "contents": {"one": "content-of-one"}}
    store.take_plan("plan-2", whole, store.trials())
    assert [run["times"] for run in runs_of(store)] == [2, 1]
    store.close()
    study = sv.Study(folder)
    for place in (study, sv.merge([study], tmp_path / "merged")):
        assert place.to_frame().attrs["environment"]["versions"] == {"numpy": "2.1.0"}
        assert place.to_frame().attrs["versions_differed"] == "numpy 1.26.4, 2.1.0"
        page = place.report(tmp_path / f"{place.path.name}.html").read_text("utf-8")
        assert "versions differed between runs" in page
        with zipfile.ZipFile(place.save(tmp_path / f"{place.path.name}.zip")) as opened:
            made_with = json.loads(opened.read(ENVIRONMENT))
            described = opened.read("ro-crate-metadata.json").decode("utf-8")
        assert made_with["numpy"] == "2.1.0"
        assert [run["versions"]["numpy"] for run in made_with["runs"]] == ["1.26.4", "2.1.0"]
        assert "They differed between its runs: numpy 1.26.4, 2.1.0." in described


async def test_every_run_is_noted(
    tmp_path: Path, songs: list[Path], make_client: Callable[..., sv.Client]
) -> None:
    study = sv.Study(tmp_path / "run", make_client())
    for prompts in (["jazz"], ["jazz", "waltz"]):
        await study.run(sv.Plan(songs[:1], prompts), measures=False)
    (run,) = runs_of(study._reading())
    assert run["times"] == 2
    assert study.to_frame().attrs["versions_differed"] == ""


@pytest.mark.parametrize("name", [NAME, f"{NAME}-wal", "audio/take"])
def test_no_export_takes_the_place_of_the_study_or_of_a_take(folder: Path, name: str) -> None:
    study = sv.Study(folder)
    target = next((folder / "audio").iterdir()) if name == "audio/take" else folder / name
    before = target.read_bytes() if target.exists() else None
    plan = sv.Plan(["song.mp3"], ["jazz"])
    for export in (study.save, lambda path: study.report(path, overwrite=True), plan.save):
        with pytest.raises(sv.ConfigurationError, match="is part of a study"):
            export(target)
    assert (target.read_bytes() if target.exists() else None) == before
    assert len(study.trials()) == 3


def test_only_an_earlier_archive_is_replaced(folder: Path, tmp_path: Path) -> None:
    study = sv.Study(folder)
    thesis = tmp_path / "thesis.docx"
    with zipfile.ZipFile(thesis, "w") as document:
        document.writestr("word/document.xml", "all of it")
    with pytest.raises(sv.ConfigurationError, match="no archive of a study"):
        study.save(thesis)
    with zipfile.ZipFile(thesis) as document:
        assert document.read("word/document.xml") == b"all of it"
    assert study.save(tmp_path / "study.zip") == study.save(tmp_path / "study.zip")


def test_only_an_earlier_plan_and_an_earlier_page_are_replaced(folder: Path, tmp_path: Path) -> None:
    study, song = sv.Study(folder), tmp_path / "song.wav"
    before = write_song(song, 220.0).read_bytes()
    plan = sv.Plan([song], ["jazz"])
    with pytest.raises(sv.ConfigurationError, match=r"song.wav that is no plan. It was left as it is"):
        plan.save(song)
    with pytest.raises(sv.ConfigurationError, match=r"song.wav that is no page. It was left as it is"):
        study.report(song, overwrite=True)
    assert song.read_bytes() == before
    saved = sv.Plan([song], ["waltz"]).save(tmp_path / "plan.yaml")
    assert sv.Plan.load(plan.save(saved)) == plan
