"""The takes of a study as its gallery shows them: what was asked, what came, how it was rated."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from soundverse_nb.errors import SoundverseError
from soundverse_nb.remix import Clip
from soundverse_nb.remix.preview import ENVELOPE_POINTS
from soundverse_nb.render.escape import plain
from soundverse_nb.render.gallery import GalleryTake, peaks_of
from soundverse_nb.study.audio_files import audio_file
from soundverse_nb.study.frame import measure_column, study_columns
from soundverse_nb.study.store import StudyStore

MOST_READ = 100
"""Files that are read for the table; those of a longer list are read when they come into view."""

SHOWN = ("tune_kept", "tempo_ratio", "transposition_semitones", "timbre_distance", "rhythm_distance",
         "remix_loudness_lufs", "seconds")  # fmt: skip
"""The measures that a gallery begins with; metrics of one's own follow."""


def study_takes(
    store: StudyStore, folder: Path, own: tuple[str, ...] = (), most_read: int = MOST_READ
) -> list[GalleryTake]:
    """A take for every trial, in the order of the frame; `own` names metrics of one's own to show."""
    columns = study_columns(store)
    numbers = [name for name in (measure_column(columns, each) for each in (*SHOWN, *own)) if name in columns]
    factors = list(columns)[list(columns).index("reference") + 1 : list(columns).index("replicate")]
    count = len(columns["identity"])
    varied = [name for name in factors if len({columns[name][at] for at in range(count)}) > 1]
    read = _facts(folder, [file for file in columns["file"] if file][:most_read])
    number_of = dict(zip(columns["identity"], columns["number"], strict=True))
    several = max(columns["replicate"], default=1) > 1
    takes = []
    for at in range(count):
        same = columns["same_audio_as"][at]
        error = columns["error"][at]
        levels = {name: str(columns[name][at]) for name in factors if columns[name][at] is not None}
        title = " · ".join(levels[name] for name in varied if name in levels) or " · ".join(levels.values())
        facts: dict[str, Any] = dict(read.get(columns["file"][at] or "", {}))
        takes.append(
            GalleryTake(
                key=columns["identity"][at],
                title=f"{title} · repeat {columns['replicate'][at]}" if several else title,
                number=columns["number"][at],
                reference=columns["reference"][at],
                factors=levels | ({"repeat": str(columns["replicate"][at])} if several else {}),
                numbers={name: _number(columns[name][at]) for name in numbers},
                state=columns["state"][at],
                reason=facts.pop("reason", "") or (plain(error, 400) if error else ""),
                detail=plain(columns["song_name"][at] or "", 60),
                stars=columns["stars"][at],
                note=columns["note"][at] or "",
                is_simulated=columns["simulated"][at],
                is_control=columns["is_control"][at],
                in_plan=columns["in_plan"][at],
                same_as=f"take {number_of[same]}" if same else "",
                **facts,
            )
        )
    return takes


def original_of(store: StudyStore, folder: Path, identity: str) -> Clip | None:
    """The song of a trial; None where it is not in the study's folder."""
    trial = store.trial(identity)
    song = None if trial is None else store.songs().get(trial.content)
    file = None if song is None else audio_file(song["file"])
    return Clip(folder / file) if file and (folder / file).is_file() else None


def _number(value: Any) -> float | None:
    return None if value is None or (isinstance(value, float) and math.isnan(value)) else float(value)


def _facts(folder: Path, files: list[str]) -> dict[str, dict[str, Any]]:
    """By file its length and its waveform, or why it cannot be read."""
    different = list(dict.fromkeys(files))
    with ThreadPoolExecutor(max_workers=2, thread_name_prefix="soundverse-study") as pool:
        return dict(zip(different, pool.map(lambda file: _fact(folder / file), different), strict=True))


def _fact(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {"reason": f"Its audio ({path.name[:12]}…) is gone from the study's folder."}
    try:
        envelope = Clip(path).envelope(ENVELOPE_POINTS)
    except SoundverseError as error:
        return {"reason": plain(error, 400)}
    return {"seconds": float(envelope.duration), "peaks": peaks_of(envelope)}
