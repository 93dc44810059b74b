"""The status body is documented nowhere: every plausible shape of it is read as one chunk."""

from __future__ import annotations

from typing import Any

import pytest

from soundverse_nb.api.event import Stage
from soundverse_nb.api.status import another_order, read_status

DONE = {"message_id": "m", "status": "completed", "isComplete": True, "audio_url": "https://a/b.mp3"}
OTHER = {"message_id": "other", "status": "failed", "error": "not mine"}


@pytest.mark.parametrize(
    "body",
    [
        DONE,
        {"data": DONE},
        {"success": True, "result": DONE},
        {"success": True, "message": "ok", "data": {"generation": DONE}},
        {"status": "success", "data": DONE},
        {"message_id": "m", "result": {name: DONE[name] for name in ("status", "isComplete", "audio_url")}},
        {
            "status": "completed",
            "isComplete": True,
            "message_id": "m",
            "result": {"audio_url": "https://a/b.mp3"},
        },
        [DONE],
        [OTHER, DONE, OTHER],
        {"data": [OTHER, DONE]},
        {"generations": [{"job_id": "m", **{k: v for k, v in DONE.items() if k != "message_id"}}]},
        {"messageId": "m", "status": "completed", "is_complete": True, "audioUrl": "https://a/b.mp3"},
        {"status": "completed", "audio_url": "https://a/b.mp3", "isComplete": "true"},
        {"audio_url": "https://a/b.mp3"},
        {"success": True, "result": {"audio_url": "https://a/b.mp3"}},
        {"audio_url": None, "data": {"audio_url": "https://a/b.mp3", "status": "completed"}},
    ],
)
def test_a_finished_remix_is_found_in_any_wrapping(body: Any) -> None:
    event = read_status(body, "m")
    assert event is not None
    assert event.is_terminal
    assert not event.is_failure
    assert (event.message_id, event.audio_url) == ("m", "https://a/b.mp3")


@pytest.mark.parametrize(
    "body",
    [
        {"status": "streaming", "progress": 90},
        {"status": "success", "data": {"status": "streaming", "progress": 90}},
        {"status": 200, "message": "ok", "data": {"status": "streaming", "progress": "90"}},
        {"job": {"job_id": "m", "status": "streaming", "progress": 90}},
        [{"status": "streaming", "progress": 90}],
    ],
)
def test_a_running_remix_is_not_taken_for_a_finished_one(body: Any) -> None:
    event = read_status(body, "m")
    assert event is not None
    assert not event.is_terminal
    assert (event.stage, event.progress, event.message_id) == (Stage.STREAMING, 90.0, "m")


@pytest.mark.parametrize(
    "body",
    [
        {"status": "failed", "error": "boom"},
        {"data": {"status": "failed", "error": {"message": "boom"}}},
        {"success": False, "status": "failed", "message_id": "m", "message": "boom"},
    ],
)
def test_a_failed_remix_is_a_failure_with_its_reason(body: Any) -> None:
    event = read_status(body, "m")
    assert event is not None
    assert event.is_failure
    assert event.reason == "boom"


GOOD = {"status": "completed", "isComplete": True, "audio_url": "https://a/b.mp3"}
ANOTHERS: list[Any] = [
    OTHER,
    {**GOOD, "message_id": "other"},
    {**GOOD, "job_id": "other"},
    {**GOOD, "message_id": 7},
    {**GOOD, "messageId": "other"},
    {"data": {**GOOD, "message_id": "other"}},
    {"success": True, "result": {"job": {**GOOD, "job_id": "other"}}},
    {**GOOD, "data": {"message_id": "other"}},
    [{**GOOD, "message_id": "other"}],
    [{**GOOD, "message_id": "other"}, GOOD],
    [{**GOOD, "id": "other"}, {**GOOD, "id": "third"}],
    {"generations": [{**GOOD, "message_id": "other"}, {**GOOD, "message_id": "third"}]},
    {"other": {**GOOD, "message_id": "other"}, "third": {**GOOD, "message_id": "third"}},
    {"other": GOOD, "third": GOOD},
    {**GOOD, "message_id": "other", "job_id": "m"},
    {**GOOD, "message_id": "other", "id": "m"},
    {"m": {**GOOD, "message_id": "other"}},
    *({**GOOD, "message_id": name} for name in (["other"], {"id": "other"}, ["m", "other"], [["other"]])),
    {**GOOD, "message_id": {"other": True}},
    *({**GOOD, "job_id": name} for name in (["other"], {"$oid": "other"})),
    *(
        {**GOOD, name: "other"}
        for name in (
            "id",
            "_id",
            "ID",
            "uuid",
            "generation_id",
            "remixId",
            "task_id",
            "orderId",
            "request-id",
            "song_generation_id",
            "message_uuid",
            "message_ids",
        )
    ),
    {"data": {**GOOD, "id": "other"}},
    {**GOOD, "data": {"id": "other"}},
    {"id": "other", "data": GOOD},
    {"success": True, "result": {**GOOD, "generation_id": "other"}},
    [{**GOOD, "id": "other"}],
    {"items": [{**GOOD, "task_id": "other"}]},
    {"other": GOOD},
    {"other": {"status": "failed", "error": "x", "progress": 3}},
    {"data": {"other": GOOD}},
    {"generations": {"other": GOOD}},
    {"status": "success", "generations": {"other": GOOD}},
    {"data": {"other": {"data": GOOD}}},
    {"other": [GOOD]},
    {"generations": {"0": GOOD}},
    [GOOD, GOOD],
    [{"status": "streaming"}, GOOD],
    {"data": [GOOD, {**GOOD, "audio_url": "https://a/c.mp3"}]},
    {"data": GOOD, "result": {**GOOD, "audio_url": "https://a/c.mp3"}},
]


@pytest.mark.parametrize("body", ANOTHERS)
def test_an_answer_about_another_order_is_no_answer(body: Any) -> None:
    assert read_status(body, "m") is None
    assert another_order(body, "m") is not None


@pytest.mark.parametrize(
    "body",
    [
        {**GOOD, "message_id": "m", "job_id": "worker"},
        {**GOOD, "message_id": " m "},
        [{**GOOD, "message_id": "other"}, {**GOOD, "message_id": "m"}, {**GOOD, "message_id": "third"}],
        {"other": {**GOOD, "message_id": "other"}, "m": {**GOOD, "message_id": "m"}},
        {"other": {"status": "failed", "error": "x"}, "m": GOOD},
        [{**GOOD, "id": "m"}, {"status": "failed", "id": "other"}],
        {**GOOD, "worker": {"job_id": "gpu-7"}},
        {**GOOD, "message_id": "m", "remix_of": {"message_id": "other", "audio_url": "https://a/other.mp3"}},
        {"other": GOOD, "m": GOOD},
        {"generations": {"other": GOOD, "m": {**GOOD, "id": "row 9"}}},
        {**GOOD, "message_id": ["m"]},
        {**GOOD, "message_id": {"id": "m"}},
        {**GOOD, "message_id": [], "id": "m"},
        {**GOOD, "message_id": "m", "id": "row 9", "generation_id": "g", "request_id": "r"},
        {**GOOD, "message_id": "m", "song": {"id": "song 9", "audio_url": "https://a/other.mp3"}},
        {
            "status": "completed",
            "isComplete": True,
            "message_id": "m",
            "songs": [{"id": "song 9", "audio_url": "https://a/b.mp3"}],
        },
        {**GOOD, "generation_id": "m", "id": "row 9"},
        {"id": "envelope", "data": {**GOOD, "message_id": "m"}},
        {"id": "envelope", "data": {**GOOD, "id": "m"}},
        {"data": {"id": "m", "type": "remix", "attributes": GOOD}},
        {"remixResult": GOOD},
        {**GOOD, "user": {"id": "u", "status": "active"}, "logs": [{"id": 1, "text": "x"}]},
        {**GOOD, "events": [{"status": "queued"}, {"status": "completed"}]},
        {**GOOD, "message_id": "m", "original": {"audio_url": "https://a/other.mp3", "song_name": "x"}},
        {**GOOD, "latest": {**GOOD, "audio_url": "https://a/other.mp3", "song_name": "x", "version": 2}},
        [{"total": 2}, GOOD],
        {
            "data": {**GOOD, "message_id": "m"},
            "latest": {**GOOD, "song_name": "x", "version": 2, "progress": 1},
        },
    ],
)
def test_among_others_the_one_that_was_asked_for_is_read(body: Any) -> None:
    event = read_status(body, "m")
    assert event is not None
    assert (event.message_id, event.audio_url, event.is_failure) == ("m", "https://a/b.mp3", False)
    assert event.song_name is None
    assert another_order(body, "m") is None


ELSEWHERE = {"status": "completed", "isComplete": True, "audio_url": "https://a/other.mp3", "song_name": "x"}


@pytest.mark.parametrize(
    "beside",
    [
        {"items": [{**ELSEWHERE, "id": "other"}]},
        {"items": [{**ELSEWHERE, "message_id": "other"}]},
        {"data": {**ELSEWHERE, "id": "other"}},
        {"result": {"job_id": "other", "audio_url": "https://a/other.mp3"}},
        {"generations": {"other": ELSEWHERE}},
        {"other": ELSEWHERE},
        {"related": [{"audio_url": "https://a/other.mp3"}]},
        {"remix_of": {"audio_url": "https://a/other.mp3"}},
        {"items": [ELSEWHERE, {**ELSEWHERE, "audio_url": "https://a/third.mp3"}]},
        {"data": {"items": [{**ELSEWHERE, "task_id": "other"}]}},
        {"song": {"message_id": "other", "audio_url": "https://a/other.mp3"}},
    ],
)
@pytest.mark.parametrize("status", ["streaming", "completed"])
def test_within_the_orders_own_answer_a_part_about_another_is_left_out(
    beside: dict[str, Any], status: str
) -> None:
    event = read_status({"message_id": "m", "status": status, **beside}, "m")
    assert event is not None
    assert (event.status, event.audio_url, event.song_name, event.is_complete) == (status, None, None, None)


def test_a_number_and_its_text_are_one_name() -> None:
    for sent in (17, 17.0, "17", " 17"):
        assert read_status({**GOOD, "message_id": sent}, "17") is not None


@pytest.mark.parametrize(
    "body",
    [
        None,
        3,
        "completed",
        [],
        {},
        [[]],
        {"detail": "Not Found"},
        {"message_id": "m"},
        {"error": "gone"},
        {"data": None},
        {"status": None},
        {"success": True},
    ],
)
def test_what_says_nothing_about_a_remix_is_none(body: Any) -> None:
    assert read_status(body, "m") is None


def test_a_body_without_a_bottom_is_read_in_bounded_time() -> None:
    body: Any = {"status": "queued"}
    for _ in range(200):
        body = {"data": body, "more": [body]}
    assert read_status(body, "m") is None
