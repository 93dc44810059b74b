"""What is read from a POST's body, and what is refused."""

from __future__ import annotations

import json

import pytest

from soundverse_nb.simulator.faults import Fault
from soundverse_nb.simulator.orders import read_submission
from soundverse_nb.simulator.refusals import Refusal

URL = "http://127.0.0.1/song.mp3"


def body(**fields: object) -> bytes:
    return json.dumps(fields).encode()


def refused(content: bytes) -> Refusal:
    with pytest.raises(Refusal) as caught:
        read_submission(content)
    return caught.value


@pytest.mark.parametrize("fields", [{}, {"prompt": ""}, {"prompt": "  ", "lyrics": "\n"}, {"prompt": None}])
def test_without_prompt_and_lyrics_the_documented_body_answers(fields):
    refusal = refused(body(song_reference_url=URL, **fields))
    assert refusal.status == 400
    assert refusal.body == {"detail": "Either prompt or lyrics must be provided"}


@pytest.mark.parametrize("fields", [{"prompt": "jazz"}, {"lyrics": "la la"}, {"prompt": "a", "lyrics": "b"}])
def test_prompt_or_lyrics_is_enough(fields):
    read = read_submission(body(song_reference_url=URL, **fields))
    assert (read.prompt, read.lyrics) == (fields.get("prompt", ""), fields.get("lyrics", ""))


@pytest.mark.parametrize(
    ("content", "kind", "place"),
    [
        (body(prompt="jazz"), "missing", ["body", "song_reference_url"]),
        (body(song_reference_url=3, prompt="jazz"), "string_type", ["body", "song_reference_url"]),
        (body(song_reference_url=URL, prompt=["jazz"]), "string_type", ["body", "prompt"]),
        (body(song_reference_url=URL, prompt="a", parameters=[1]), "dict_type", ["body", "parameters"]),
        (body(song_reference_url=URL, prompt="a", tempo=3), "extra_forbidden", ["body", "tempo"]),
        (b"not json", "json_invalid", ["body"]),
        (b"[]", "model_type", ["body"]),
        (b"\xff\xfe", "json_invalid", ["body"]),
        (b"", "json_invalid", ["body"]),
        (body(song_reference_url=URL, prompt="a", parameters={"simulate": "nonsense"}), "value_error",
         ["body", "parameters", "simulate"]),
    ],
)  # fmt: skip
def test_ill_typed_and_unknown_fields_are_told_like_the_framework_does(content, kind, place):
    refusal = refused(content)
    assert refusal.status == 422
    problem = refusal.body["detail"][0]
    assert (problem["type"], problem["loc"]) == (kind, place)
    assert isinstance(problem["msg"], str)


def test_faults_are_taken_out_of_the_parameters():
    asked = {"simulate": {"fault": "cut_after_id"}, "seed": 4, "mood": "dark"}
    read = read_submission(body(song_reference_url=URL, prompt="a", parameters=asked))
    assert read.faults == (Fault("cut_after_id"),)
    assert json.loads(read.parameters) == {"seed": 4, "mood": "dark"}


def test_equal_parameters_in_another_order_make_the_same_remix():
    first = read_submission(body(song_reference_url=URL, prompt="a", parameters={"a": 1, "b": 2}))
    second = read_submission(body(song_reference_url=URL, prompt="a", parameters={"b": 2, "a": 1}))
    assert first.parameters == second.parameters
    assert first.request_hash != second.request_hash
