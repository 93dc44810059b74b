"""The stages of one remix as a fixed script: which chunk is sent how long after the order was taken.

A job has no moving parts. Its whole script is known when the order is accepted, and what stands at any moment
follows from the time that has passed and from how far its remix is (jobs.py); so a job goes on unconnected,
and costs nothing while it waits.
Times here are seconds at speed 1, about 100 s for a remix as with providers of the same model.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from soundverse_nb.simulator.faults import Fault

QUEUED_AT = 0.5
STARTING_AT = 3.0
INITIALIZING_AT = 5.0
UPLOADING_AT = 7.0
STREAMING_AT = 10.0
SECONDS_TO_90 = 58.0
SECONDS_AFTER_HOLD = 1.0
PROGRESS_STEP = 5
HOLD_AT = 90
SLOW_HOLD = 600.0


@dataclass(frozen=True)
class RemixFacts:
    """The fields by which the chunks of one remix describe it."""

    message_id: str
    song_name: str
    album_art: str
    stream_url: str
    audio_url: str


@dataclass(frozen=True)
class Step:
    """One chunk, `at` seconds after the order was taken (at speed 1)."""

    at: float
    chunk: Mapping[str, Any]

    @property
    def status(self) -> str:
        return str(self.chunk["status"])

    @property
    def progress(self) -> object:
        return self.chunk.get("progress")


def stage_script(song: RemixFacts, hold: float) -> tuple[Step, ...]:
    """Every stage in order with the documented fields and no others; `hold` is seconds at 90 percent."""
    running = {"message_id": song.message_id, "isComplete": False}
    named = {"album_art": song.album_art, "song_name": song.song_name}
    chunks: list[tuple[float, dict[str, Any]]] = [
        (0.0, {"isComplete": False, "status": "validating"}),
        (QUEUED_AT, {**running, "status": "queued", **named}),
        (STARTING_AT, {**running, "status": "starting"}),
        (INITIALIZING_AT, {**running, "status": "initializing"}),
        (UPLOADING_AT, {**running, "status": "uploading"}),
    ]
    for progress in range(0, HOLD_AT + 1, PROGRESS_STEP):
        at = STREAMING_AT + SECONDS_TO_90 * progress / HOLD_AT
        chunks.append((at, {**running, "status": "streaming", "progress": progress}))
    held = STREAMING_AT + SECONDS_TO_90 + hold
    ready = {"stream_url": song.stream_url, "streaming_ready": True, "version": 1}
    chunks.append((held, {**running, "status": "streaming", "progress": 100, **ready}))
    finished = {"message_id": song.message_id, "isComplete": True, "status": "completed"}
    result = {**finished, "audio_url": song.audio_url, **named, "progress": 100}
    chunks.append((held + SECONDS_AFTER_HOLD, result))
    return _numbered(chunks)


def _numbered(chunks: Iterable[tuple[float, Mapping[str, Any]]]) -> tuple[Step, ...]:
    return tuple(Step(at, {**chunk, "chunkIndex": index}) for index, (at, chunk) in enumerate(chunks))


def position(steps: tuple[Step, ...], elapsed: float) -> int:
    """How many steps are due after `elapsed` seconds."""
    return bisect_right([step.at for step in steps], elapsed)


def hold_of(faults: Iterable[Fault], usual: float) -> float:
    """Seconds at 90 percent: the longest slow hold that was asked for, or the usual one."""
    slow = [fault for fault in faults if fault.name == "slow_hold"]
    lengths = [SLOW_HOLD if fault.seconds is None else fault.seconds for fault in slow]
    return max(lengths, default=usual)


def with_faults(steps: tuple[Step, ...], faults: Iterable[Fault]) -> tuple[Step, ...]:
    """The script with the faults that change its chunks."""
    for fault in faults:
        change = _CHANGES.get(fault.name)
        if change is not None:
            steps = change(steps)
    return steps


def failed_step(message_id: str, error: str, at: float, index: int) -> Step:
    """The terminal chunk of a remix that could not be made."""
    chunk = {
        "message_id": message_id,
        "isComplete": True,
        "status": "failed",
        "error": error,
        "operation": "remix_song",
    }
    return Step(at, {**chunk, "chunkIndex": index})


def _failing(after: int) -> Callable[[tuple[Step, ...]], tuple[Step, ...]]:
    def change(steps: tuple[Step, ...]) -> tuple[Step, ...]:
        place = next((i for i, step in enumerate(steps) if step.progress == after), len(steps) - 1)
        kept = steps[: place + 1]
        name = str(steps[-1].chunk["message_id"])
        error = failed_step(name, "The model could not finish this remix.", kept[-1].at + 1.0, len(kept))
        return (*kept, error)

    return change


def _with_audio_url(value: str | None) -> Callable[[tuple[Step, ...]], tuple[Step, ...]]:
    def change(steps: tuple[Step, ...]) -> tuple[Step, ...]:
        last = dict(steps[-1].chunk)
        last.pop("audio_url", None)
        if value is not None:
            last["audio_url"] = value
        return (*steps[:-1], Step(steps[-1].at, last))

    return change


def _unknown_status(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    chunks: list[tuple[float, Mapping[str, Any]]] = []
    for step in steps:
        status = {"starting": "warming_up"}.get(step.status, step.status)
        if step.progress == 50:
            status = "polishing"
        chunks.append((step.at, {**step.chunk, "status": status}))
    return _numbered(chunks)


def _odd_fields(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    odd: dict[str, dict[str, Any]] = {
        "validating": {"message_id": None, "trace": {"node": [1, 2, None]}},
        "starting": {"song_name": 17, "version": "one", "album_art": None, "error": None},
        "initializing": {"progress": "none yet", "streaming_ready": "no", "stream_url": ["a", "b"]},
        "uploading": {"isComplete": None, "progress": None, "operation": {"name": "remix_song"}},
        "completed": {"seed": 4, "stream_url": None, "error": None, "version": 1.0},
    }
    chunks = [{**step.chunk, **odd.get(step.status, {})} for step in steps]
    chunks[len(chunks) // 2]["chunkIndex"] = "nine"
    return tuple(Step(step.at, chunk) for step, chunk in zip(steps, chunks, strict=True))


def _backwards(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    lower = {60: 40, 65: 45, 80: 10}
    return tuple(
        Step(step.at, {**step.chunk, "progress": lower[step.progress]})
        if isinstance(step.progress, int) and step.progress in lower
        else step
        for step in steps
    )


def _fractional(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    return tuple(
        Step(step.at, {**step.chunk, "progress": step.progress + 0.375})
        if isinstance(step.progress, int) and 0 < step.progress < HOLD_AT
        else step
        for step in steps
    )


def _markup(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    hostile = {
        "song_name": '<img src=x onerror="alert(\'song\')"><script>alert(1)</script>\u202e & "co"',
        "album_art": "javascript:alert(1)",
    }
    return tuple(
        Step(step.at, {**step.chunk, **hostile}) if "song_name" in step.chunk else step for step in steps
    )


_CHANGES: Mapping[str, Callable[[tuple[Step, ...]], tuple[Step, ...]]] = {
    "failure": _failing(50),
    "failure_at_90": _failing(HOLD_AT),
    "no_audio_url": _with_audio_url(None),
    "audio_file_url": _with_audio_url("file:///etc/passwd"),
    "audio_relative_url": _with_audio_url("/storage/remixes/song.mp3"),
    "unknown_status": _unknown_status,
    "odd_fields": _odd_fields,
    "progress_backwards": _backwards,
    "fractional_progress": _fractional,
    "markup": _markup,
}
