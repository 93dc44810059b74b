"""What a user wants remixed, in every form they may say it, checked before anything is sent."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from soundverse_nb.api.request import RemixRequest
from soundverse_nb.client.references import is_url, title_of
from soundverse_nb.errors import InvalidRequestError, SoundverseError, whole_characters

_FORMS = (
    'Give a RemixRequest, a dict such as {"reference": "song.mp3", "prompt": "jazz"}, '
    'or a tuple such as ("song.mp3", "jazz").'
)
_FIELDS = frozenset({"reference", "song_reference_url", "prompt", "lyrics", "parameters", "label"})


@dataclass(frozen=True)
class RemixInput:
    """One remix to make: the reference as it was given, and the checked request.

    `label` is a study's own name for it in the journal.
    """

    reference: Any = field(repr=False)
    request: RemixRequest
    label: str | None = None

    @property
    def title(self) -> str:
        """One line for a display."""
        words = self.request.prompt or self.request.lyrics or ""
        return words.strip().splitlines()[0][:80]


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
        return reference if isinstance(reference, RemixInput) else _as_asked(reference)
    is_path = isinstance(reference, (str, os.PathLike))
    # The file's name goes nowhere; in the request it is for showing.
    name = whole_characters(os.fsdecode(os.fspath(reference))) if is_path else title_of(reference)
    return RemixInput(reference, RemixRequest(name, prompt, lyrics, parameters), label)


def _as_asked(request: RemixRequest) -> RemixInput:
    place = request.song_reference_url
    name = whole_characters(place)
    return RemixInput(
        place, request if name == place else request.model_copy(update={"song_reference_url": name})
    )


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
    from soundverse_nb.audio.source import described

    raise InvalidRequestError(f"{described(item)} is no request for a remix.", hint=_FORMS)


ParsedInput = RemixInput | SoundverseError
"""A remix to make, or why this one cannot even be asked for."""


def parse_items(items: Iterable[Any]) -> list[ParsedInput]:
    """Each item of `remix_all`; one that breaks a rule keeps its place as an error."""
    if isinstance(items, (str, bytes, Mapping)):
        raise InvalidRequestError(
            "remix_all takes a list of requests.", hint="For one remix there is client.remix(...)."
        )
    return [_parse_or_error(item) for item in items]


def _parse_or_error(item: Any) -> ParsedInput:
    try:
        return parse_item(item)
    except SoundverseError as error:
        return error


def shown_request(request: RemixRequest) -> dict[str, Any]:
    """A request as the journal keeps it: what was asked, and the reference without a link's signature."""
    from soundverse_nb.render.escape import hide_query

    fields: dict[str, Any] = request.model_dump(exclude_none=True)
    url = request.song_reference_url
    fields["song_reference_url"] = hide_query(url) if is_url(url) else url
    return fields
