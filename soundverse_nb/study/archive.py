"""Archive of a study: a zip that a research archive takes and that opens anywhere, also of one that runs.

In it are a consistent copy of the store, the audio by content, the trials as CSV, the plan, the versions of
what made them, and a description as an RO-Crate. Keys, signatures of links and what a running process noted
of itself stay out.
"""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from soundverse_nb import __version__
from soundverse_nb.api.secrets import hide_key, hide_secrets
from soundverse_nb.displays import notice
from soundverse_nb.errors import ConfigurationError
from soundverse_nb.render.escape import plain
from soundverse_nb.study.audio_files import FILE, is_content
from soundverse_nb.study.crate import DESCRIPTION, CrateFacts, CrateFile, crate_description
from soundverse_nb.study.damage import DamagedStoreError, damaged
from soundverse_nb.study.environments import differences, environment, runs_of
from soundverse_nb.study.frame import study_columns
from soundverse_nb.study.store import NAME, StoredTrial, StudyStore, TrialState
from soundverse_nb.study.store_file import unusable
from soundverse_nb.study.targets import check_archive_target
from soundverse_nb.study.unfinished import ARCHIVE, unfinished_folder

TRIALS, PLAN, ENVIRONMENT = "trials.csv", "plan.json", "environment.json"
FILES: tuple[str, ...] = (NAME, TRIALS, PLAN, ENVIRONMENT, DESCRIPTION)
# What the runner notes of itself: on another machine it would look like a run that goes on.
_OF_A_RUN = ("runner", "command")
# Columns that make a trial what it is: a link in a prompt is part of the prompt. Keys are never in them.
_AS_SENT = frozenset({"identity", "instructions", "factors", "content", "hash", "description", "key"})


def made_with_of(store: StudyStore) -> dict[str, str]:
    """Versions of what a study was last run with; those of this process for one that was never run."""
    noted = store.noted("environment", {}) or environment()
    kept = {name: str(noted[name]) for name in ("python", "platform", "seed") if name in noted}
    return {**noted.get("versions", {}), **kept}


def save_archive(
    folder: Path,
    path: Path,
    *,
    table: Any = None,
    made_with: Mapping[str, str] | None = None,
    title: str | None = None,
    licence: str | None = None,
    author: str | None = None,
) -> Path:
    """Write a study to a zip, with its description as an RO-Crate; gives its path back.

    Parameters
    ----------
    folder : the study's folder; it may be written meanwhile.
    path : of the zip. An earlier archive there is replaced once the new one is whole.
    table : what trials.csv holds: a data frame, a mapping of columns, or a list of rows; by default the
        columns of the study's frame.
    made_with : versions for environment.json, by default those of the latest run.
    title, licence, author : for the description; `licence` is a URL.

    Audio that is gone from the folder is told of, and left out. Raises ConfigurationError where there is no
    study, without rocrate, where there is another file, and where the zip cannot be written.
    """
    check_archive_target(path)
    store = StudyStore(folder, readonly=True)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished_folder(path.parent, ARCHIVE) as beside:
            copied = beside / NAME
            store.copy_to(copied)
            try:
                _clean(copied)
                content = _read(copied, table)
            except (sqlite3.DatabaseError, DamagedStoreError) as error:
                # Of the study, and not of its copy, which is gone by then.
                if isinstance(error, sqlite3.DatabaseError) and "full" in str(error):
                    raise unusable(store.path, error) from None
                raise damaged(store.path, store.damage() or str(error)) from None
            texts = {
                TRIALS: content.table,
                PLAN: json.dumps(content.plan, indent=1, ensure_ascii=False),
                ENVIRONMENT: json.dumps(
                    {**(made_with or content.made_with), **content.runs}, indent=1, ensure_ascii=False
                ),
            }
            there = [file for file in content.audio if _is_file(folder / file.path)]
            files = [*_described(content.differed), *there]
            facts = _facts(content, title or folder.name, licence, author)
            texts[DESCRIPTION] = crate_description(facts, files)
            unfinished = beside / "archive.zip"
            _write(unfinished, copied, texts, [folder / file.path for file in there], folder)
            unfinished.replace(path)
    except OSError as error:
        raise ConfigurationError(
            f"The archive {plain(path.name, 120)} could not be written: {error.strerror or error}.",
            hint="Is there room, and may you write there?",
        ) from None
    finally:
        store.close()
    if missing := len(content.audio) - len(there):
        notice(
            f"{missing} of {len(content.audio)} audio files are gone from the study or were changed, "
            f"so not in {path.name}."
        )
    return path


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink() and is_content(path)


def _write(path: Path, copied: Path, texts: Mapping[str, str], audio: Sequence[Path], folder: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
        # First, as archives look for it; and readable in any text editor, as the rest of the small files.
        for name in (DESCRIPTION, ENVIRONMENT, PLAN, TRIALS):
            archive.writestr(name, texts[name])
        archive.write(copied, NAME)
        for file in audio:  # which is compressed already
            archive.write(file, file.relative_to(folder).as_posix(), zipfile.ZIP_STORED)


def _clean(path: Path) -> None:
    """Take out of a copy of a store what is nobody else's, and what was deleted before."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("BEGIN")
        connection.execute(f"DELETE FROM meta WHERE key IN ({', '.join('?' * len(_OF_A_RUN))})", _OF_A_RUN)
        for table, column in _text_columns(connection):
            if column == "journal":  # a path here; whoever opens the copy has another journal anyway
                connection.execute(f'UPDATE "{table}" SET "{column}" = NULL')
                continue
            hide = hide_key if column in _AS_SENT else hide_secrets
            connection.create_function("cleaned", 1, hide, deterministic=True)
            connection.execute(
                f'UPDATE "{table}" SET "{column}" = cleaned("{column}") '
                f'WHERE typeof("{column}") = \'text\' AND "{column}" != cleaned("{column}")'
            )
        connection.execute("COMMIT")
        connection.execute("VACUUM")  # else it would hold what was deleted in its free pages
    finally:
        connection.close()


def _text_columns(connection: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    tables = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
    ).fetchall()
    for (table,) in tables:
        for row in connection.execute(f'PRAGMA table_info("{table}")').fetchall():
            if row[2].upper() == "TEXT":
                yield table, row[1]


@dataclass(frozen=True)
class _Content:
    """What a copied store says of the archive."""

    plan: dict[str, Any]
    trials: list[StoredTrial]
    audio: list[CrateFile]
    table: str
    made_with: dict[str, str]
    runs: dict[str, Any]
    """For environment.json the runs one by one, where their versions differed."""
    differed: str


def _read(copied: Path, table: Any) -> _Content:
    store = StudyStore(copied.parent, readonly=True)
    try:
        trials, songs, plan = store.trials(), store.songs(), store.plan()
        with store.explaining():
            columns, made_with, runs = _dated(study_columns(store)), made_with_of(store), runs_of(store)
        differed = differences(runs)
    finally:
        store.close()
    audio: dict[str, CrateFile] = {}
    places: dict[str, str] = {}
    for content, song in songs.items():
        if song["file"] and FILE.fullmatch(song["file"]):
            places[content] = song["file"]
            audio[song["file"]] = CrateFile(song["file"], plain(song["name"]), "A song that was remixed.")
    for trial in trials:
        if trial.file and FILE.fullmatch(trial.file) and trial.file not in audio:
            asked = ", ".join(str(level) for factor, level in trial.factors.items() if factor != "reference")
            made = "simulated remix" if trial.simulated else "remix"
            said = f"A {made} of {plain(trial.reference, 60)}: {plain(asked, 200)}, repeat {trial.replicate}."
            sources = [places[trial.content]] if trial.content in places else []
            audio[trial.file] = CrateFile(
                trial.file, plain(trial.song_name or trial.reference), said, made_from=sources
            )
    return _Content(
        plan={"hash": plan[0], **plan[1]} if plan else {},
        trials=trials,
        audio=list(audio.values()),
        table=_csv(_columns(table) if table is not None else columns),
        made_with=made_with,
        runs={"runs": runs} if differed else {},
        differed=differed,
    )


def _dated(columns: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The columns of a frame with their moments as other programs read them (ISO 8601, UTC)."""
    dates = {
        name: [
            None if at is None else datetime.fromtimestamp(at, timezone.utc).isoformat()
            for at in columns[name]
        ]
        for name in ("started", "finished")
    }
    return {name: dates.get(name, list(values)) for name, values in columns.items()}


def _columns(table: Any) -> dict[str, list[Any]]:
    """A table as columns, whichever way it was given."""
    if hasattr(table, "to_dict") and hasattr(table, "columns"):
        table = table.to_dict("list")
    if isinstance(table, Mapping):
        return {str(name): list(values) for name, values in table.items()}
    rows = list(table)
    names = dict.fromkeys(str(name) for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _csv(columns: Mapping[str, Sequence[Any]]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        writer.writerow([_field(value) for value in row])
    return stream.getvalue()


def _field(value: Any) -> Any:
    """A value as CSV has it: nothing where nothing is known, texts without secrets."""
    if value is None or value != value or type(value).__name__ == "NAType":
        return ""
    return hide_secrets(value) if isinstance(value, str) else value


def _described(differed: str) -> list[CrateFile]:
    made = "Versions of the programs that made the study, in its latest run."
    if differed:
        made += f" They differed between its runs: {plain(differed, 400)}."
    return [
        CrateFile(NAME, "The study", "All of the study in SQLite; soundverse_nb opens it."),
        CrateFile(TRIALS, "The trials", "A row for each trial, those that failed or were never run too."),
        CrateFile(PLAN, "The plan", "What was to be ordered: factors, levels, repeats, seed."),
        CrateFile(ENVIRONMENT, "The environment", made),
    ]


def _facts(content: _Content, title: str, licence: str | None, author: str | None) -> CrateFacts:
    done = [trial for trial in content.trials if trial.state is TrialState.DONE]
    simulated = ", simulated" if done and all(trial.simulated for trial in done) else ""
    began = [trial.started for trial in content.trials if trial.started is not None]
    ended = [trial.finished for trial in content.trials if trial.finished is not None]
    songs = len({trial.content for trial in content.trials})
    return CrateFacts(
        title=plain(title, 200) or "A study",
        summary=f"A study of remixes made by prompts: {len(done):,} of {len(content.trials):,} trials "
        f"done{simulated}, {songs:,} songs.",
        version=content.made_with.get("soundverse_nb", __version__),
        began=min(began, default=None),
        ended=max(ended, default=None),
        licence=licence,
        author=author,
    )
