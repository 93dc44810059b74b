"""A chunk is read whatever it holds: the document's fields exactly, everything else as well as it goes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from soundverse_nb.api.event import RemixEvent, Stage
from soundverse_nb.api.secrets import remember_key
from tests.strict_service import stages


@pytest.mark.parametrize("chunk", stages(), ids=lambda chunk: f"{chunk['chunkIndex']}-{chunk['status']}")
def test_every_chunk_of_the_document_is_read_in_full(chunk: dict[str, Any]) -> None:
    event = RemixEvent.parse(json.dumps(chunk))
    assert event.model_dump(by_alias=True, exclude_unset=True) == chunk
    assert event.stage.value == chunk["status"]
    assert event.is_terminal is chunk["isComplete"]
    assert not event.is_failure


def test_text_bytes_and_mappings_read_alike() -> None:
    chunk = {"message_id": "m", "status": "streaming", "progress": 50}
    text = json.dumps(chunk)
    assert RemixEvent.parse(text) == RemixEvent.parse(text.encode()) == RemixEvent.parse(chunk)
    assert RemixEvent.model_validate(chunk) == RemixEvent.model_validate_json(text) == RemixEvent(**chunk)


# field on the wire, attribute, value on the wire, what is read
LENIENT: list[tuple[str, str, Any, Any]] = [
    ("progress", "progress", 50, 50),
    ("progress", "progress", 33.3, 33.3),
    ("progress", "progress", 50.0, 50.0),
    ("progress", "progress", "33.3", 33.3),
    ("progress", "progress", "50", 50),
    ("progress", "progress", " 50 % ", 50),
    ("progress", "progress", -5, 0),
    ("progress", "progress", 250, 100),
    ("progress", "progress", 10**400, None),
    ("progress", "progress", "much", None),
    ("progress", "progress", True, None),
    ("progress", "progress", None, None),
    ("progress", "progress", [50], None),
    ("progress", "progress", {"value": 50}, None),
    ("progress", "progress", "nan", None),
    ("isComplete", "is_complete", True, True),
    ("isComplete", "is_complete", "true", True),
    ("isComplete", "is_complete", "False", False),
    ("isComplete", "is_complete", 1, True),
    ("isComplete", "is_complete", 0, False),
    ("isComplete", "is_complete", "perhaps", None),
    ("isComplete", "is_complete", 2, None),
    ("isComplete", "is_complete", None, None),
    ("streaming_ready", "streaming_ready", "yes", True),
    ("chunkIndex", "chunk_index", 7, 7),
    ("chunkIndex", "chunk_index", "7", 7),
    ("chunkIndex", "chunk_index", 7.0, 7),
    ("chunkIndex", "chunk_index", 7.5, None),
    ("chunkIndex", "chunk_index", True, None),
    ("chunkIndex", "chunk_index", -3, -3),
    ("version", "version", "2", 2),
    ("message_id", "message_id", 12345, "12345"),
    ("message_id", "message_id", 12345.0, "12345"),
    ("message_id", "message_id", "", None),
    ("message_id", "message_id", "  ", "  "),
    ("message_id", "message_id", {"id": 1}, None),
    ("job_id", "message_id", "j-1", "j-1"),
    ("job_id", "message_id", 5, "5"),
    ("status", "status", 5, "5"),
    ("status", "status", ["queued"], None),
    ("audio_url", "audio_url", "", None),
    ("audio_url", "audio_url", False, None),
    ("song_name", "song_name", 1999, "1999"),
    ("song_name", "song_name", "<b>\u202e\0</b>", "<b>\u202e\0</b>"),
    ("error", "error", "", None),
    ("error", "error", {"code": 1}, None),
    ("error", "error", ["no GPU"], "no GPU"),
    ("error", "error", 500, "500"),
    ("operation", "operation", "remix_song", "remix_song"),
]


@pytest.mark.parametrize(("name", "attribute", "sent", "read"), LENIENT)
def test_a_field_of_the_wrong_type_becomes_what_it_means_or_none(
    name: str, attribute: str, sent: Any, read: Any
) -> None:
    for event in (RemixEvent.parse(json.dumps({name: sent})), RemixEvent.model_validate({name: sent})):
        value = getattr(event, attribute)
        assert value == read
        assert type(value) is type(read)
        assert event.model_dump_json()


def test_a_null_message_id_does_not_hide_the_job_id() -> None:
    assert RemixEvent.parse({"message_id": None, "job_id": 8}).message_id == "8"


def test_a_number_as_an_id_keeps_every_digit() -> None:
    assert RemixEvent.parse(b'{"message_id": 1234567890123456789}').message_id == "1234567890123456789"


def test_fields_the_document_does_not_name_are_kept() -> None:
    event = RemixEvent.parse(
        '{"status": "queued", "queue_position": 3, "nested": {"a": [1]}, "stage": 1, "copy": 2}'
    )
    assert event.model_extra == {"queue_position": 3, "nested": {"a": [1]}, "stage": 1, "copy": 2}
    assert event.stage is Stage.QUEUED


@pytest.mark.parametrize(
    "chunk",
    ["", "nonsense", "[DONE]", "[1]", "null", "3", '"text"', "{", '{"a": 1} x', "[" * 5000, '{"a":' * 5000],
)
def test_what_is_no_json_object_is_a_value_error(chunk: str) -> None:
    with pytest.raises(ValueError, match=r"not JSON|not a JSON object") as caught:
        RemixEvent.parse(chunk)
    assert not isinstance(caught.value, ValidationError)


def test_half_a_surrogate_pair_is_replaced() -> None:
    event = RemixEvent.parse('{"song_name": "a\\ud83d", "message_id": "m"}')
    assert (event.song_name, event.message_id) == ("a?", "m")
    assert event.model_dump_json()


@pytest.mark.parametrize(
    ("status", "stage"),
    [
        ("validating", Stage.VALIDATING),
        ("starting", Stage.STARTING),
        ("initializing", Stage.INITIALIZING),
        ("uploading", Stage.UPLOADING),
        ("Completed", Stage.COMPLETED),
        (" QUEUED ", Stage.QUEUED),
        ("done", Stage.COMPLETED),
        ("error", Stage.FAILED),
        ("Timed out", Stage.FAILED),
        ("mastering", Stage.UNKNOWN),
        ("unknown", Stage.UNKNOWN),
        (None, Stage.UNKNOWN),
        ("\0", Stage.UNKNOWN),
    ],
)
def test_a_status_names_a_stage_or_an_unknown_one(status: str | None, stage: Stage) -> None:
    assert RemixEvent(status=status).stage is stage


@pytest.mark.parametrize(
    ("chunk", "terminal", "failure"),
    [
        ({"status": "completed", "isComplete": True, "audio_url": "https://a/b"}, True, False),
        ({"status": "completed", "isComplete": True}, True, False),
        ({"status": "completed", "isComplete": False, "audio_url": "https://a/b"}, True, False),
        ({"status": "mastering", "isComplete": True}, True, False),
        ({"status": "mastering", "isComplete": False}, False, False),
        ({"status": "streaming", "progress": 100, "isComplete": False}, False, False),
        ({"status": "streaming", "isComplete": False, "error": "one worker restarted"}, False, False),
        ({"status": "failed", "isComplete": True, "error": "boom"}, True, True),
        ({"status": "failed", "isComplete": False}, True, True),
        ({"status": "streaming", "isComplete": True, "error": "boom"}, True, True),
        (
            {"status": "completed", "isComplete": True, "audio_url": "https://a/b", "error": "late"},
            True,
            False,
        ),
        ({"isComplete": True, "success": False, "message": "boom"}, True, True),
        ({"message_id": "m", "error": "boom"}, True, True),
        ({}, False, False),
    ],
)
def test_a_chunk_says_whether_it_is_the_last_and_whether_it_failed(
    chunk: dict[str, Any], terminal: bool, failure: bool
) -> None:
    event = RemixEvent.parse(chunk)
    assert (event.is_terminal, event.is_failure) == (terminal, failure)


@pytest.mark.parametrize(
    ("chunk", "reason"),
    [
        ({"error": "boom"}, "boom"),
        ({"status": "failed", "message": "no GPU"}, "no GPU"),
        ({"status": "failed", "error": {"message": "no GPU", "code": 7}}, "no GPU"),
        ({"status": "failed"}, None),
    ],
)
def test_a_failure_gives_its_reason(chunk: dict[str, Any], reason: str | None) -> None:
    assert RemixEvent.parse(chunk).reason == reason


def test_what_is_shown_of_a_link_ends_at_its_question_mark() -> None:
    signed = "https://user:pw@storage.example/a.mp3?X-Signature=geheim"
    event = RemixEvent.parse({"audio_url": signed, "links": {"wav": [signed]}})
    assert event.audio_url == signed
    for shown in (repr(event), str(event), f"{event}"):
        assert "geheim" not in shown
        assert "pw@" not in shown
        assert "https://storage.example/a.mp3" in shown


def test_a_field_of_any_name_does_nothing_where_it_is_shown() -> None:
    names = [
        "\x1b[31mred",
        "\u202egnp.exe",
        "line\nbreak",
        "\u200b",
        "",
        "a=1, status",
        "x" * 5000,
        "\u05d0\u05d1",
    ]
    event = RemixEvent.parse({**dict.fromkeys(names, 1), "nested": {"\x1b[2J": "\x1b[2J\u202e"}, "fine": 2})
    assert set(names) <= set(event.model_extra or {})
    for shown in (repr(event), str(event), f"{event}", repr([event])):
        assert all(char.isprintable() for char in shown)
        assert shown.isascii()
        assert "fine=2" in shown
        assert len(shown) < 1000


def test_an_event_made_by_hand_shows_no_key_either() -> None:
    remember_key("key-in-an-event-0815")
    event = RemixEvent(error="bad key-in-an-event-0815", **{"key-in-an-event-0815": ["key-in-an-event-0815"]})  # type: ignore[call-arg]
    assert "0815" not in repr(event) + str(event)


def test_an_event_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        RemixEvent(status="queued").status = "completed"  # type: ignore[misc]
