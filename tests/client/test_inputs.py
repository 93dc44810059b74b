"""What may be asked for, in every form; what breaks a rule is refused before anything happens."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import soundverse_nb as sv
from soundverse_nb.client.inputs import parse_input, parse_item

URL = "https://songs.example.com/a.mp3?X-Signature=secret"


@pytest.mark.parametrize(
    "item",
    [
        sv.RemixRequest(URL, prompt="jazz", parameters={"a": 1}),
        {"reference": URL, "prompt": "jazz", "parameters": {"a": 1}},
        {"song_reference_url": URL, "prompt": "jazz", "parameters": {"a": 1}},
        (URL, "jazz", None, {"a": 1}),
        [URL, "jazz", None, {"a": 1}],
    ],
)
def test_a_request_may_be_said_in_every_form(item: Any) -> None:
    remix_input = parse_item(item)
    assert remix_input.reference.url is not None
    assert remix_input.reference.url.full == URL
    assert remix_input.request() == sv.RemixRequest(URL, prompt="jazz", parameters={"a": 1})


@pytest.mark.parametrize(
    "reference",
    [
        "song.mp3", Path("song.mp3"), b"ID3...", (np.zeros((2, 44100)), 44100), sv.Clip("song.mp3"),
        bytearray(b"ID3"),
    ],
)  # fmt: skip
def test_every_kind_of_reference_is_taken(reference: Any) -> None:
    assert parse_input(reference, "jazz").reference.given is reference


@pytest.mark.parametrize(
    "item",
    [
        (URL,), (), {}, {"prompt": "jazz"}, {"reference": URL}, {"reference": URL, "prompt": " "}, 7, None,
        {"reference": URL, "song_reference_url": URL, "prompt": "jazz"}, URL,
        {"reference": URL, "prompt": "jazz", "tempo": 3}, (URL, 3), (URL, "jazz", None, {"a": float("nan")}),
        (URL, "jazz", None, {"a": object()}), (URL, None, None, {}), (URL, "a", "b", {}, "extra"),
    ],
)  # fmt: skip
def test_what_breaks_a_rule_is_refused(item: Any) -> None:
    with pytest.raises(sv.InvalidRequestError):
        parse_item(item)


def test_a_whole_request_is_taken_in_place_of_a_reference() -> None:
    request = sv.RemixRequest(URL, lyrics="la la")
    assert parse_input(request).request() == request
    with pytest.raises(sv.InvalidRequestError, match="together"):
        parse_input(request, prompt="jazz")


def test_the_journal_gets_no_signature() -> None:
    shown = parse_input(URL, "jazz").journal_fields()
    assert shown == {"song_reference_url": "https://songs.example.com/a.mp3", "prompt": "jazz"}


@pytest.mark.parametrize("reference", [b"ID3...", (np.zeros((2, 44100)), 44100), io.BytesIO(b"ID3...")])
def test_content_is_named_by_the_file_it_was_written_to(reference: Any, tmp_path: Path) -> None:
    parsed = parse_input(reference, "jazz")
    assert parsed.request(tmp_path / "a.mp3") == sv.RemixRequest(tmp_path / "a.mp3", "jazz")
    assert parsed.journal_fields(tmp_path / "a.mp3")["song_reference_url"] == str(tmp_path / "a.mp3")


@pytest.mark.parametrize("reference", [7, None, object(), [1, 2, 3], {"a": 1}])
def test_what_could_be_no_song_is_refused_at_once(reference: Any) -> None:
    with pytest.raises(sv.InvalidRequestError, match="is no reference song"):
        parse_input(reference, "jazz")
