"""A request is checked before anything is sent, and goes out in the document's names and nothing else."""

from __future__ import annotations

import copy
import math
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from soundverse_nb.api.request import RemixRequest
from soundverse_nb.errors import InvalidRequestError, Spent

URL = "https://storage.example/song.mp3"


@pytest.mark.parametrize(
    ("request_", "wire"),
    [
        (RemixRequest(URL, prompt="jazz"), {"song_reference_url": URL, "prompt": "jazz"}),
        (RemixRequest(URL, lyrics="la la"), {"song_reference_url": URL, "lyrics": "la la"}),
        (
            RemixRequest(URL, "jazz", "la", {"seed": 1}),
            {"song_reference_url": URL, "prompt": "jazz", "lyrics": "la", "parameters": {"seed": 1}},
        ),
        (RemixRequest(URL, prompt="jazz", lyrics="  "), {"song_reference_url": URL, "prompt": "jazz"}),
        (RemixRequest(URL, prompt=" \n", lyrics="la"), {"song_reference_url": URL, "lyrics": "la"}),
        (
            RemixRequest(URL, prompt="jazz", parameters={}),
            {"song_reference_url": URL, "prompt": "jazz", "parameters": {}},
        ),
        (RemixRequest(f" {URL}\n", prompt="jazz"), {"song_reference_url": URL, "prompt": "jazz"}),
    ],
)
def test_the_wire_has_the_documents_names_and_only_what_is_set(
    request_: RemixRequest, wire: dict[str, Any]
) -> None:
    assert request_.to_wire() == wire


def test_text_and_parameters_pass_through_untouched() -> None:
    parameters = {"seed": 7, "nested": {"a": [1, 2.5, None, True]}, "simulate": {"cut": 3}}
    request = RemixRequest(URL, prompt="  two  spaces\n", lyrics="ça va\r\n", parameters=parameters)
    wire = request.to_wire()
    assert wire["prompt"] == "  two  spaces\n"
    assert wire["lyrics"] == "ça va\r\n"
    assert wire["parameters"] == parameters


def test_a_path_may_be_made_of_any_bytes() -> None:
    class Entry(os.PathLike[bytes]):
        def __fspath__(self) -> bytes:
            return b"caf\xe9.mp3"

    request = RemixRequest(Entry(), prompt="jazz")  # type: ignore[arg-type]
    assert request.song_reference_url == os.fsdecode(b"caf\xe9.mp3")


def test_parameters_changed_afterwards_do_not_change_the_request() -> None:
    parameters = {"seed": 7, "nested": {"a": 1}}
    request = RemixRequest(URL, prompt="jazz", parameters=parameters)
    parameters["seed"] = 8
    parameters["nested"]["a"] = 2  # type: ignore[index]
    assert request.to_wire()["parameters"] == {"seed": 7, "nested": {"a": 1}}
    request.to_wire()["parameters"]["seed"] = 9
    assert request.to_wire()["parameters"]["seed"] == 7


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ({}, "prompt or lyrics"),
        ({"prompt": None, "lyrics": None}, "prompt or lyrics"),
        ({"prompt": "", "lyrics": " \t\n"}, "prompt or lyrics"),
        ({"prompt": "jazz", "song_reference_url": ""}, "song"),
        ({"prompt": "jazz", "song_reference_url": "  "}, "song"),
        ({"prompt": "jazz", "song_reference_url": None}, "song_reference_url"),
        ({"prompt": "jazz", "song_reference_url": 3}, "song_reference_url"),
        ({"prompt": 5}, "prompt"),
        ({"prompt": ["jazz"]}, "prompt"),
        ({"lyrics": b"la"}, "lyrics"),
        ({"prompt": "jazz", "parameters": [1]}, "parameters"),
        ({"prompt": "jazz", "parameters": "seed=1"}, "parameters"),
        ({"prompt": "jazz", "parameters": {1: 2}}, "parameters"),
        ({"prompt": "jazz", "parameters": {"a": math.nan}}, "JSON"),
        ({"prompt": "jazz", "parameters": {"a": {1, 2}}}, "JSON"),
        ({"prompt": "jazz", "parameters": {"a": Path("x")}}, "JSON"),
        ({"prompt": "jazz \ud83d"}, "prompt holds half a character at position 5"),
        ({"lyrics": "\udcff la"}, "lyrics holds half a character at position 0"),
        ({"prompt": "jazz", "parameters": {"a": "\ud83d"}}, "JSON"),
        ({"prompt": "jazz", "song_reference_url": "https://a.example/\udce9.mp3"}, "JSON"),
        ({"prompt": "jazz", "genre": "swing"}, "genre"),
    ],
)
def test_a_broken_rule_is_told_before_anything_is_sent(arguments: dict[str, Any], names: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        RemixRequest(**{"song_reference_url": URL, **arguments})
    assert names in str(caught.value)
    assert caught.value.spent is Spent.NO
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_parameters_that_hold_themselves_are_refused() -> None:
    loop: dict[str, Any] = {}
    loop["loop"] = loop
    with pytest.raises(InvalidRequestError):
        RemixRequest(URL, prompt="jazz", parameters=loop)


def test_validation_by_pydantic_raises_the_same_error() -> None:
    with pytest.raises(InvalidRequestError):
        RemixRequest.model_validate({"song_reference_url": URL})
    with pytest.raises(InvalidRequestError):
        RemixRequest.model_validate({"song_reference_url": URL, "prompt": "jazz", "tempo": 1})
    assert RemixRequest.model_validate({"song_reference_url": URL, "prompt": "jazz"}).prompt == "jazz"
    request = RemixRequest(URL, prompt="jazz", parameters={"seed": 1})
    assert RemixRequest.model_validate_json(request.model_dump_json()) == request


@pytest.mark.parametrize(
    "reference",
    [
        "song.mp3",
        "/home/me/song.mp3",
        "file:///etc/passwd",
        "ftp://a/b.mp3",
        "https://",
        "http:///b",
        "//a/b",
        "https://[::1/b",
        "C:\\song.mp3",
        Path("song.mp3"),
    ],
)
def test_a_local_reference_may_be_held_but_never_goes_out(reference: Any) -> None:
    request = RemixRequest(reference, prompt="jazz")
    assert request.song_reference_url == str(reference)
    with pytest.raises(InvalidRequestError, match="http"):
        request.to_wire()


def test_a_published_reference_takes_the_place_of_the_local_one() -> None:
    request = RemixRequest("song.mp3", prompt="jazz").model_copy(update={"song_reference_url": URL})
    assert request.to_wire() == {"song_reference_url": URL, "prompt": "jazz"}


def test_a_signed_reference_is_not_shown() -> None:
    request = RemixRequest(f"{URL}?X-Signature=geheim", prompt="jazz")
    assert "geheim" not in repr(request)
    assert "geheim" not in str(request)
    assert request.to_wire()["song_reference_url"].endswith("geheim")


def test_a_request_survives_copying_and_pickling() -> None:
    request = RemixRequest(URL, prompt="jazz", parameters={"seed": 1})
    assert copy.deepcopy(request) == pickle.loads(pickle.dumps(request)) == request
