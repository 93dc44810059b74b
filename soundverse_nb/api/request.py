"""Requests for a remix: the body of the POST, in the document's own names.

Source: "Request Parameters" in the vendor's page for POST /v7/generate/remix.
"""

from __future__ import annotations

import copy
import json
import os
import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from soundverse_nb.api.body import shown
from soundverse_nb.errors import InvalidRequestError, bare_errors
from soundverse_nb.urls import InvalidURLError, WebURL

_NOT_JSON = "The request holds something that is not JSON (a NaN, an array, a broken character, ...)."
# A lone surrogate: JSON written in UTF-8 cannot hold it.
_HALF = re.compile("[\ud800-\udfff]")
_PLAIN = "Use plain numbers, strings, lists and dicts in parameters."


class RemixInstructions(BaseModel):
    """What to make of a song: a style prompt, new lyrics, or both, and options of the model.

    Raises InvalidRequestError where a rule is broken.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    prompt: str | None = None
    lyrics: str | None = None
    parameters: dict[str, Any] | None = None

    @bare_errors
    def __init__(
        self,
        prompt: str | None = None,
        lyrics: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        **others: Any,
    ) -> None:
        unknown = others.keys() - type(self).model_fields.keys()
        if unknown:
            raise InvalidRequestError(
                f"The service has no field {', '.join(sorted(unknown))} for a remix.",
                hint="Options of the model go into parameters={...}.",
            )
        try:
            super().__init__(prompt=prompt, lyrics=lyrics, parameters=parameters, **others)
            return
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in problem["loc"])
        raise InvalidRequestError(f"{field} of the request cannot be used: {problem['msg']}.")

    @field_validator("prompt", "lyrics", mode="after")
    @classmethod
    def _blank_is_missing(cls, value: str | None) -> str | None:
        return value if value is not None and value.strip() else None

    @field_validator("parameters", mode="before")
    @classmethod
    def _copy_mapping(cls, value: object) -> object:
        try:
            return copy.deepcopy(dict(value)) if isinstance(value, Mapping) else value
        except (
            Exception
        ):  # what cannot be copied cannot be sent; whatever its type raises, the user gets ours
            raise InvalidRequestError(_NOT_JSON, hint=_PLAIN) from None

    def model_post_init(self, context: Any) -> None:
        if self.prompt is None and self.lyrics is None:
            raise InvalidRequestError(
                "Either prompt or lyrics must be provided.",
                hint='For example prompt="upbeat jazz remix with brass horns".',
            )
        for name in ("prompt", "lyrics"):
            half = _HALF.search(getattr(self, name) or "")
            if half is not None:
                raise InvalidRequestError(
                    f"{name} holds half a character at position {half.start()}, which JSON cannot hold.",
                    hint="Was it cut inside an emoji, or read in another encoding than its own?",
                )
        try:
            json.dumps(self._sent(), allow_nan=False, ensure_ascii=False).encode("utf-8")
        except (TypeError, ValueError, RecursionError):
            raise InvalidRequestError(_NOT_JSON, hint=_PLAIN) from None

    def request(self, song_reference_url: str) -> RemixRequest:
        """The request for one song."""
        return RemixRequest(song_reference_url, self.prompt, self.lyrics, self.parameters)

    def _sent(self) -> dict[str, Any]:
        """What of it may be sent."""
        return self._fields()

    def _fields(self) -> dict[str, Any]:
        return {
            name: copy.deepcopy(value)
            for name in type(self).model_fields
            if (value := getattr(self, name)) is not None
        }

    def __repr_args__(self) -> Any:
        for name, value in super().__repr_args__():
            if value is not None:
                yield name, shown(value)


class _NamesASong(BaseModel):
    """The field that comes first in a request."""

    song_reference_url: str


class RemixRequest(RemixInstructions, _NamesASong):
    """One remix to order: the song to start from, and a style prompt, new lyrics, or both.

    Parameters
    ----------
    song_reference_url : the song's URL; a path is accepted too and becomes a URL before anything is sent.
    prompt, lyrics : at least one of them; blank text counts as missing.
    parameters : passed through to the model untouched; must be JSON.

    Raises
    ------
    InvalidRequestError : a rule is broken. Nothing has been sent.

    >>> import soundverse_nb as sv
    >>> request = sv.RemixRequest("https://songs.example.org/one.mp3", prompt="upbeat jazz")
    >>> request.to_wire()
    {'song_reference_url': 'https://songs.example.org/one.mp3', 'prompt': 'upbeat jazz'}
    """

    @bare_errors
    def __init__(
        self,
        song_reference_url: str | os.PathLike[str] = "",
        prompt: str | None = None,
        lyrics: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        **unknown: Any,
    ) -> None:
        super().__init__(prompt, lyrics, parameters, song_reference_url=song_reference_url, **unknown)

    @field_validator("song_reference_url", mode="before")
    @classmethod
    def _name_a_song(cls, value: object) -> object:
        if isinstance(value, os.PathLike):
            value = os.fsdecode(os.fspath(value))
        if isinstance(value, str) and not value.strip():
            raise names_no_song()
        return value.strip() if isinstance(value, str) and "://" in value else value

    @property
    def instructions(self) -> RemixInstructions:
        """What to make of the song, whichever it is."""
        return RemixInstructions(self.prompt, self.lyrics, self.parameters)

    @bare_errors
    def to_wire(self) -> dict[str, Any]:
        """The body of the POST: the document's names, and only what is set. The song must be a URL by now."""
        try:
            WebURL.parse(self.song_reference_url)
        except InvalidURLError:
            raise InvalidRequestError(
                "The service can only fetch songs from an http(s) URL.",
                hint="Pass the file to client.remix(), which publishes it, or upload it yourself.",
            ) from None
        return self._fields()

    def _sent(self) -> dict[str, Any]:
        fields = self._fields()
        if "://" not in self.song_reference_url:
            del fields["song_reference_url"]  # a path is never sent, whatever bytes its name is made of
        return fields


def names_no_song() -> InvalidRequestError:
    """The error for a reference that is an empty text."""
    return InvalidRequestError("The request names no song.", hint="Give song_reference_url: a URL or a path.")
