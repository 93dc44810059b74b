"""Names of takes: which song, and what was asked of it, in words that tell the takes of a batch apart."""

from __future__ import annotations

import json
import os
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from soundverse_nb.errors import SoundverseError
from soundverse_nb.render.escape import plain
from soundverse_nb.urls import shown_url

if TYPE_CHECKING:
    from soundverse_nb.api.request import RemixInstructions

_BETWEEN = " · "
_SONG, _WORDS = 40, 80  # characters


def name_of_file(label: str, path: PurePath) -> str:
    """What a file is called: its name, or what the take is called where that is only a hash of its content.

    >>> name_of_file("jazz, take 2", PurePath("3a" * 32 + ".mp3"))
    'jazz, take 2.mp3'
    """
    if not label or not re.fullmatch("[0-9a-f]{64}", path.stem):
        return path.name
    # Not every system takes these in a name.
    return re.sub(r'[\\/:*?"<>|\x00-\x1f]+', " ", plain(label, _WORDS)).strip(" .") + path.suffix


@dataclass(frozen=True)
class Asked:
    """What was asked for one take.

    `song` is the song's name for people, `place` its path or address without a signature, which tells songs
    of one name apart. `again` is what the client needs to order it anew; it is neither shown nor pickled.
    """

    song: str = ""
    prompt: str | None = None
    lyrics: str | None = None
    parameters: Mapping[str, Any] | None = None
    place: str = ""
    again: Any = field(default=None, repr=False, compare=False)

    @property
    def words(self) -> str:
        """The prompt, or else the first line of the lyrics."""
        return _line(self.prompt) or _line(self.lyrics)

    def __reduce__(self) -> tuple[Any, ...]:
        return Asked, (self.song, self.prompt, self.lyrics, self.parameters, self.place)


def asked_for(
    place: str | os.PathLike[str], instructions: RemixInstructions | None = None, name: str | None = None
) -> Asked:
    """What was asked of the song at a path or an address; `name` where it is called something else."""
    text = os.fspath(place)
    where = shown_url(text) if "://" in text else text
    song = song_name(name or where)
    if instructions is None:
        return Asked(song, place=where)
    return Asked(song, instructions.prompt, instructions.lyrics, instructions.parameters, where)


def song_name(place: str) -> str:
    """The name of a song's file or address, without folder and ending: "songs/My Tune.mp3" is "My Tune"."""
    if "://" in place:
        place = unquote(place.partition("://")[2].partition("?")[0])
    name = PureWindowsPath(place).name if "\\" in place else PurePosixPath(place).name
    stem = PurePath(name).stem if re.search(r"\.\w{1,5}$", name) else name
    return plain(stem or name or place, 120)


def asked_of(take: Any) -> Asked:
    """What was asked for a remix, or for what ended as this error."""
    if isinstance(take, SoundverseError):
        found = getattr(take, "asked", None)
        return found if isinstance(found, Asked) else Asked()
    return asked_for(take.request.song_reference_url, take.request)


class TakeTitle(str):
    """A take's title in one line; displays with room for two lines find both halves in it."""

    song: str
    words: str

    def __new__(cls, song: str, words: str) -> TakeTitle:
        title = super().__new__(cls, _BETWEEN.join(part for part in (song, words) if part))
        title.song, title.words = song, words
        return title

    def __reduce__(self) -> tuple[Any, ...]:
        return TakeTitle, (self.song, self.words)


def take_titles(asked: Sequence[Asked]) -> list[TakeTitle]:
    """A title for each take, "song · prompt"; no two are the same.

    Where song and prompt do not tell two takes apart, the folder of the song does, or the lyrics, or the
    parameters that differ; takes of which all is the same are numbered.
    """
    songs = _song_names(asked)
    words = [plain(each.words, _WORDS) for each in asked]
    _tell_apart(songs, words, asked, lambda each: _line(each.lyrics))
    _tell_apart(songs, words, asked, lambda each: dict(each.parameters or {}))
    counts, seen = Counter(zip(songs, words, strict=True)), Counter[tuple[str, str]]()
    titles = []
    for pair in zip(songs, words, strict=True):
        seen[pair] += 1
        number = f"#{seen[pair]}" if counts[pair] > 1 else ""
        titles.append(TakeTitle(pair[0], " ".join(part for part in (pair[1], number) if part)))
    return titles


def told_apart(titles: Sequence[str]) -> list[str]:
    """The titles without what all have in common, for places with little room.

    Of one song with many prompts that is the prompt, of one prompt for many songs the song. Titles that are
    no TakeTitle stay as they are.
    """
    pairs = [(title.song, title.words) for title in titles if isinstance(title, TakeTitle)]
    if len(pairs) < len(titles):
        return [str(title) for title in titles]
    if len({song for song, _ in pairs}) == 1 and all(words for _, words in pairs):
        return [words for _, words in pairs]
    if len({words for _, words in pairs}) == 1 and all(song for song, _ in pairs):
        return [song for song, _ in pairs]
    return [str(title) for title in titles]


def _song_names(asked: Sequence[Asked]) -> list[str]:
    places = defaultdict(set)
    for each in asked:
        places[each.song].add(each.place)
    return [plain(each.song if len(places[each.song]) < 2 else _with_folder(each), _SONG) for each in asked]


def _with_folder(asked: Asked) -> str:
    path = PureWindowsPath(asked.place) if "\\" in asked.place else PurePosixPath(asked.place)
    folder = path.parent.name
    return f"{folder}/{asked.song}" if folder else asked.song


def _tell_apart(
    songs: list[str], words: list[str], asked: Sequence[Asked], feature: Callable[[Asked], Any]
) -> None:
    """Add what differs to the words of takes that are named alike so far."""
    alike = defaultdict(list)
    for at, pair in enumerate(zip(songs, words, strict=True)):
        alike[pair].append(at)
    for places in alike.values():
        found = [feature(asked[at]) for at in places]
        if all(each == found[0] for each in found):
            continue
        for at, value in zip(places, found, strict=True):
            more = (
                _differing(value, found) if isinstance(value, dict) else f"“{plain(value, 40)}”" * bool(value)
            )
            words[at] = ", ".join(part for part in (words[at], more) if part)


def _differing(values: dict[str, Any], others: Iterable[dict[str, Any]]) -> str:
    names = sorted({name for other in others for name in other})
    told = [name for name in names if any(other.get(name) != values.get(name) for other in others)]
    return ", ".join(
        f"{plain(name, 20)}={plain(json.dumps(values[name], ensure_ascii=False, default=str), 30)}"
        for name in told
        if name in values
    )


def _line(text: str | None) -> str:
    return text.strip().splitlines()[0].strip() if text and text.strip() else ""


_UNSAFE = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]+')
# Names of devices on Windows, whatever follows their first dot.
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])\s*(\.|$)", re.IGNORECASE)
_SONG_BYTES, _WORDS_BYTES = 48, 64
"""Together with a number and an ending below 143 bytes, the least that a file system in use allows."""


def file_name(asked: Asked, number: int, suffix: str) -> str:
    """A take's name on disk, "song - prompt - 1.mp3", which every usual file system takes."""
    parts = [_safe(asked.song, _SONG_BYTES), _safe(asked.words, _WORDS_BYTES)]
    stem = " - ".join([*(part for part in parts if part), str(number)])
    if _DEVICES.match(stem):
        stem = f"_{stem}"
    return f"{stem}{suffix}"


def _safe(text: str, most_bytes: int) -> str:
    # Some file systems keep names as typed, others decompose them: composed is the same on both.
    text = unicodedata.normalize("NFC", plain(text, 200))
    text = " ".join(_UNSAFE.sub(" ", text).split())
    cut = text.encode("utf-8")[:most_bytes].decode("utf-8", "ignore")
    return cut.strip(" .-")
