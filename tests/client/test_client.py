"""One remix through the whole client, against a service that follows the document and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

import soundverse_nb as sv
from soundverse_nb.client import Journal
from tests import strict_service as script
from tests.client.conftest import SONG, violations
from tests.strict_service import StrictService

MakeClient = Callable[..., sv.Client]


async def test_a_remix_is_ordered_followed_and_fetched(make_client: MakeClient) -> None:
    async with StrictService() as service, make_client(service) as client:
        remix = await client.remix(SONG, prompt="jazz", parameters={"seed": 3, "deep": {"list": [1, None]}})
    assert remix.audio.path.read_bytes() == script.MP3
    assert remix.message_id == "remix-1"
    assert remix.song_name == "Remix Title"
    assert [event.stage.value for event in remix.events] == [
        "validating", "queued", "starting", "initializing", "uploading", "streaming", "streaming", "streaming",
        "completed",
    ]  # fmt: skip
    assert remix.album_art_path is not None
    assert remix.album_art_path.read_bytes() == script.PNG
    assert not remix.simulated
    assert service.posts[0].json == {
        "song_reference_url": SONG, "prompt": "jazz", "parameters": {"seed": 3, "deep": {"list": [1, None]}},
    }  # fmt: skip
    assert violations(service) == []
    assert service.charged == 1


async def test_the_journal_says_sending_before_the_post_arrives(make_client: MakeClient, tmp_path: Any) -> None:
    async with StrictService([script.stream(*script.stages()[:1], script.HOLD, *script.stages()[1:])]) as service:
        client = make_client(service)
        job = client.start(SONG, prompt="jazz")
        await service.until(lambda: len(service.posts) == 1)

        other = Journal(tmp_path / "orders.sqlite3")
        (order,) = await other.orders()
        other.close()
        assert order.state.value == "sending"
        assert order.posts == 1
        service.release()
        await job
    assert [order.state.value for order in client.orders()] == ["fetched"]
