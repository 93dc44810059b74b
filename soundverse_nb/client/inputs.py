"""The inputs of a remix, in every form they may be given, checked before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soundverse_nb.api.request import RemixInstructions, RemixRequest, names_no_song
from soundverse_nb.audio.given import Kind, described
from soundverse_nb.client.journal.order import ANY, Once
from soundverse_nb.errors import InvalidRequestError, SoundverseError, whole_characters
from soundverse_nb.remix.take_names import Asked, asked_for, song_name

if TYPE_CHECKING:
    from soundverse_nb.reference import Reference

_FORMS = (
    'Give a RemixRequest, a dict such as {"reference": "song.mp3", "prompt": "jazz"}, '
    'or a tuple such as ("song.mp3", "jazz").'
)
_FIELDS = frozenset({"reference", "song_reference_url", "prompt", "lyrics", "parameters", "label"})


@dataclass(frozen=True)
class RemixInput:
    """One remix to make: the song, and what to make of it.

    `label` is a study's own name for it in the journal, `song` what it calls the song; `once` says which
    orders that are in the journal already it is not to be ordered beside.
    """

    reference: Reference
    instructions: RemixInstructions
    label: str | None = None
    song: str | None = None
    once: Once = ANY

    @property
    def title(self) -> str:
        """One line for a display."""
        words = self.instructions.prompt or self.instructions.lyrics or ""
        return words.strip().splitlines()[0][:80]

    @property
    def asked(self) -> Asked:
        """What is asked for, with names for people."""
        song, url = self.reference, self.reference.url
        place = (song.place or song.name) if url is None else url.shown
        asked = asked_for(place, self.instructions, song.name)
        return asked if self.song is None else replace(asked, song=self.song)

    def request(self, path: Path | None = None) -> RemixRequest:
        """What was asked. A song that was given as its content is named by the file it was written to."""
        url = self.reference.url
        return self.instructions.request(self._place(path) if url is None else url.full)

    def journal_fields(self, path: Path | None = None) -> dict[str, Any]:
        """The same for the journal: only what was set, and of a URL what may be shown."""
        url = self.reference.url
        place = self._place(path) if url is None else url.shown
        return {"song_reference_url": place, **self.instructions.model_dump(exclude_none=True)}

    def _place(self, path: Path | None) -> str:
        place = self.reference.place or (self.reference.name if path is None else str(path))
        return whole_characters(place)


def parse_input(
    reference: Any,
    prompt: str | None = None,
    lyrics: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    label: str | None = None,
) -> RemixInput:
    """One remix out of a call's arguments. Raises InvalidRequestError; nothing is sent or uploaded."""
    if isinstance(reference, (RemixRequest, RemixInput)):
        if prompt is not None or lyrics is not None or parameters is not None:
            raise InvalidRequestError(
                "A whole request was given together with a prompt, lyrics or parameters.",
                hint="Give one or the other; request.model_copy(update={...}) makes a changed request.",
            )
        if isinstance(reference, RemixInput):
            return reference
        return RemixInput(reference_of(reference.song_reference_url), reference.instructions)
    song = reference_of(reference)
    if song.kind is Kind.OTHER:
        raise InvalidRequestError(
            f"{described(reference)} is no reference song.",
            hint="Give a path, a URL, bytes, an open file, (samples, rate) or a Clip.",
        )
    if song.place is not None and not song.place.strip():
        raise names_no_song()
    return RemixInput(song, RemixInstructions(prompt, lyrics, parameters), label)


def recorded_input(
    place: str,
    prompt: str | None,
    lyrics: str | None,
    parameters: Mapping[str, Any] | None,
    label: str | None,
) -> RemixInput:
    """One remix as a journal recorded it, its reference without a signature."""
    return RemixInput(reference_of(place), RemixInstructions(prompt, lyrics, parameters), label)


def reference_of(given: Any) -> Reference:
    """The song that was given; never raises."""
    # Inside: the package loads numpy and PyAV, which a client that only looks at its orders does not need.
    from soundverse_nb.reference import as_reference

    return as_reference(given)


def parse_item(item: Any) -> RemixInput:
    """One remix out of an item of `remix_all`. Raises InvalidRequestError."""
    if isinstance(item, (RemixRequest, RemixInput)):
        return parse_input(item)
    if isinstance(item, Mapping):
        unknown = sorted(str(name) for name in item if name not in _FIELDS)
        if unknown:
            raise InvalidRequestError(f"A request has no field {', '.join(unknown)}.", hint=_FORMS)
        given = dict(item)
        reference = given.pop("reference", None)
        url = given.pop("song_reference_url", None)
        if (reference is None) == (url is None):
            raise InvalidRequestError("A request names exactly one reference.", hint=_FORMS)
        return parse_input(url if reference is None else reference, **given)
    if isinstance(item, (tuple, list)) and 2 <= len(item) <= 4:
        return parse_input(*item)
    raise InvalidRequestError(f"{described(item)} is no request for a remix.", hint=_FORMS)


ParsedInput = RemixInput | SoundverseError
"""A remix to make, or why this one cannot even be asked for."""


def parse_items(items: Iterable[Any]) -> list[ParsedInput]:
    """Each item of `remix_all`; one that breaks a rule keeps its place as an error."""
    if isinstance(items, (str, bytes, Mapping)):
        raise InvalidRequestError(
            "remix_all takes a list of requests.", hint="For one remix there is client.remix(...)."
        )
    if not isinstance(items, Iterable):
        raise InvalidRequestError(
            f"remix_all takes a list of requests, and {described(items)} is none.", hint=_FORMS
        )
    return [_parse_or_error(item) for item in items]


def _parse_or_error(item: Any) -> ParsedInput:
    try:
        return parse_item(item)
    except SoundverseError as error:
        return type(error)(
            error.message, spent=error.spent, hint=error.hint, **error._details, asked=_asked_by(item)
        )


def _asked_by(item: Any) -> Asked:
    """What can be told of a request that breaks a rule."""
    if isinstance(item, Mapping):
        song, prompt = item.get("reference") or item.get("song_reference_url"), item.get("prompt")
    else:
        song, prompt, *_ = [*item, None, None] if isinstance(item, (tuple, list)) else (None, None)
    given = reference_of(song) if song is not None else None
    name = given.name if given is not None and given.is_path else ""
    return Asked(song_name(name) if name else "", prompt if isinstance(prompt, str) else None)
