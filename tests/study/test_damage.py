"""A damaged store is a sentence that says where, whoever reads or copies it; nothing is ordered from it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

import soundverse_nb as sv
from soundverse_nb.study.store import NAME, StudyStore, TrialState
from tests.study.stored import stored_trial
from tests.study.test_archive import put

WAYS: dict[str, Callable[[sv.Study, Path], object]] = {
    "trials": lambda study, place: study.trials(),
    "repr": lambda study, place: repr(study),
    "notebook": lambda study, place: study._repr_mimebundle_(),
    "plan": lambda study, place: study.plan,
    "precision": lambda study, place: study.precision("seconds"),
    "preview": lambda study, place: study.preview(sv.Plan({"one": "one.mp3"}, ["jazz"])),
    "frame": lambda study, place: study.to_frame(),
    "summary": lambda study, place: study.summary("seconds"),
    "report": lambda study, place: study.report(place / "report.html"),
    "save": lambda study, place: study.save(place / "study.zip"),
    "merge": lambda study, place: sv.merge([study], place / "merged"),
    "adopt": lambda study, place: StudyAt(place / "new").adopt(study),
}


def StudyAt(folder: Path) -> sv.Study:  # noqa: N802 - a study that was begun
    store = StudyStore(folder)
    store.take_plan("plan-1", {"references": {"one": "one"}}, [stored_trial(1)])
    store.close()
    return sv.Study(folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A study of 400 trials, the first of them done: dozens of pages."""
    made = tmp_path / "study"
    store = StudyStore(made)
    whole = {**sv.Plan({"one": "one.mp3"}, ["jazz"]).description(), "contents": {"one": "content-of-one"}}
    store.take_plan("plan-1", whole, [stored_trial(number) for number in range(1, 401)])
    store.take_song("content-of-one", "one", put(made, b"the song", ".wav"), 30.0)
    store.reserve("trial-1", 0, None, now=1_750_000_000.0)
    store.settle(
        "trial-1", TrialState.DONE, charged=0, file=put(made, b"the remix"), finished=1_750_000_100.0
    )
    store.note(environment="{}", released="[]", parts="[]", merged="[]")
    store.close()
    return made


def changed(folder: Path, statement: str) -> None:
    with sqlite3.connect(folder / NAME) as connection:
        connection.execute(statement)
    connection.close()


def said(study: sv.Study, way: str, place: Path) -> str:
    """What a way says of a damaged study."""
    with pytest.raises(sv.ConfigurationError) as met:
        WAYS[way](study, place)
    return str(met.value)


@pytest.mark.parametrize(
    ("statement", "way", "where"),
    [
        *(
            ("UPDATE trials SET stages = '{' WHERE number = 7", way, "stages of trial trial-7")
            for way in WAYS
            if way not in ("plan", "repr", "adopt")
        ),
        ("UPDATE trials SET factors = '[1' WHERE number = 9", "frame", "factors of trial trial-9"),
        ("UPDATE trials SET instructions = 'x' WHERE number = 9", "trials", "instructions of trial trial-9"),
        ("UPDATE trials SET instructions = '3' WHERE number = 1", "adopt", "instructions of trial trial-1"),
        ("UPDATE trials SET stages = '[[[' WHERE number = 1", "adopt", "stages of trial trial-1"),
        ("UPDATE trials SET state = 'dnoe' WHERE number = 9", "repr", "state of trial trial-9"),
        ("UPDATE trials SET charged = 'much' WHERE number = 9", "frame", "charged of trial trial-9"),
        ("UPDATE plans SET description = '{'", "trials", "description of plan plan-1"),
        *(
            (f"UPDATE plans SET description = '{text}'", way, "description of plan plan-1")
            for text in ("[]", "3", '{"references": 3}', '{"references": ["one"], "prompts": []}')
            for way in WAYS
            if way not in ("repr", "adopt")
        ),
        *(
            (f"UPDATE plans SET description = '{text}'", way, "description of plan plan-1")
            for text in ("{}", '{"references": ["one"]}')
            for way in ("plan", "report", "merge", "precision")
        ),
        *(
            ("UPDATE trials SET state = 'sung' WHERE number = 9", way, "state of trial trial-9")
            for way in WAYS
            if way not in ("plan", "adopt")
        ),
        ("UPDATE meta SET value = '{}' WHERE key = 'parts'", "merge", "noted as 'parts'"),
        ("UPDATE meta SET value = '[[]]' WHERE key = 'released'", "merge", "noted as 'released'"),
        ("UPDATE meta SET value = '[3]' WHERE key = 'environment'", "save", "noted as 'environment'"),
        ("UPDATE meta SET value = '{{' WHERE key = 'environment'", "save", "noted as 'environment'"),
        ("UPDATE meta SET value = '{{' WHERE key = 'environment'", "report", "noted as 'environment'"),
        ("UPDATE meta SET value = '?' WHERE key = 'released'", "merge", "noted as 'released'"),
        ("UPDATE meta SET value = '?' WHERE key = 'parts'", "merge", "noted as 'parts'"),
        (
            "INSERT INTO measures VALUES ('trial-1', 'x', 1, x'00', '{', NULL, '{}')",
            "frame",
            "of measure trial-1",
        ),
        ("INSERT INTO layouts VALUES (1, '[')", "frame", "columns of layout 1"),
    ],
)
def test_a_cell_that_cannot_be_read_is_named(
    statement: str, way: str, where: str, folder: Path, tmp_path: Path
) -> None:
    changed(folder, statement)
    sentence = said(sv.Study(folder), way, tmp_path)
    assert f"{folder / NAME} is damaged" in sentence
    assert where in sentence
    assert "nothing is ordered from it" in sentence
    assert "study.save" in sentence


@pytest.mark.parametrize("way", [way for way in WAYS if way not in ("plan", "adopt")])
def test_flipped_pages_are_a_sentence(way: str, folder: Path, tmp_path: Path) -> None:
    path = folder / NAME
    content = bytearray(path.read_bytes())
    rows = [at for at in range(len(content) // 4096) if content[at * 4096 :][:4096].count(b'"jazz"') > 4]
    assert len(rows) > 10  # leaves of the table of trials
    for page in rows[5:8]:
        content[page * 4096 : page * 4096 + 64] = bytes(255 - byte for byte in content[page * 4096 :][:64])
    path.write_bytes(content)
    sentence = said(sv.Study(folder), way, tmp_path)
    assert f"{path} is damaged" in sentence
    assert not (tmp_path / "study.zip").exists()
    assert not (tmp_path / "merged").exists()


async def test_nothing_is_ordered_from_a_damaged_store(
    tmp_path: Path, songs: list[Path], make_client: Callable[..., sv.Client]
) -> None:
    study = sv.Study(tmp_path / "study", make_client())
    await study.run(sv.Plan(songs[:1], ["jazz"]), measures=False)
    study.close()
    changed(study.path, "UPDATE trials SET stages = '{'")
    with pytest.raises(sv.ConfigurationError, match="stages of trial"):
        await study.run(sv.Plan(songs[:1], ["jazz", "waltz"]), measures=False)


def test_an_error_of_another_kind_is_not_taken_for_damage(folder: Path) -> None:
    with pytest.raises(ZeroDivisionError), StudyStore(folder, readonly=True).explaining():
        raise ZeroDivisionError
