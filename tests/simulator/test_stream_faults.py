"""The stream's bytes under each of its faults."""

from __future__ import annotations

import gzip
import http.client
import json
import time
from urllib.parse import urlsplit

import pytest
import requests

from soundverse_nb.simulator import FAULTS
from soundverse_nb.simulator.faults import Where

from .conftest import KEY, chunks, order


def body(reference: str, simulate: object) -> dict[str, object]:
    return {"song_reference_url": reference, "prompt": "pop", "parameters": {"simulate": simulate}}


SILENCE = 0.3
"""Seconds in which nothing may come, once all has come that will: what does come in time fails the test."""


def read_until_lost(service, reference, name) -> tuple[bytes, bool]:
    """What came, and whether the connection was lost rather than ended."""
    came = b""
    url = f"{service.base_url}/v7/generate/remix"
    with requests.post(url, json=body(reference, name), headers=KEY, stream=True, timeout=60) as answer:
        try:
            for block in answer.iter_content(None):
                came += block
        except requests.exceptions.RequestException:
            return came, True
    return came, False


@pytest.mark.parametrize(
    ("place", "last"),
    [
        ("before_id", '"status": "validating"'),
        ("after_id", '"status": "queued"'),
        ("mid_stream", '"progress": 50'),
        ("at_90", '"progress": 90'),
        ("at_100", '"progress": 100'),
    ],
)
@pytest.mark.parametrize("manner", ["cut", "eof"])
def test_a_stream_can_be_lost_or_end_at_each_place(service, reference, manner, place, last):
    charged = len(service.ledger)
    came, lost = read_until_lost(service, reference, f"{manner}_{place}")
    assert lost == (manner == "cut")
    assert last in came.decode().strip().splitlines()[-1]
    assert b"completed" not in came
    assert len(service.ledger) == charged + 1


def test_a_chunk_can_be_cut_in_its_middle(service, reference):
    came, lost = read_until_lost(service, reference, "cut_mid_chunk")
    assert lost
    assert not came.endswith(b"\n\n")


@pytest.mark.parametrize(("name", "charges"), [("cut_before_accept", 0), ("cut_before_headers", 1)])
def test_the_connection_can_be_lost_before_the_answer(service, reference, name, charges):
    charged = len(service.ledger)
    with pytest.raises(requests.exceptions.ConnectionError):
        order(service, body(reference, name))
    assert len(service.ledger) == charged + charges


def test_a_stream_can_end_before_its_first_chunk(service, reference):
    charged = len(service.ledger)
    answer = order(service, body(reference, "eof_at_once"))
    assert (answer.status_code, answer.content) == (200, b"")
    assert len(service.ledger) == charged + 1


def test_no_answer_is_charged_and_silent(service, reference):
    charged = len(service.ledger)
    connection = http.client.HTTPConnection(urlsplit(service.base_url).netloc, timeout=60)
    content = json.dumps(body(reference, "no_answer"))
    connection.request("POST", "/v7/generate/remix", content, {**KEY, "Content-Type": "application/json"})
    while len(service.ledger) == charged:  # bounded by pytest's own time-out
        time.sleep(0.01)
    assert connection.sock is not None
    connection.sock.settimeout(SILENCE)
    with pytest.raises(TimeoutError):
        connection.getresponse()
    connection.close()
    assert len(service.ledger) == charged + 1


@pytest.mark.parametrize(("name", "last"), [("stall_after_id", "queued"), ("stall_at_90", '"progress": 90')])
def test_a_stalled_stream_stays_open_while_its_job_completes(service, reference, name, last):
    url = f"{service.base_url}/v7/generate/remix"
    with requests.post(url, json=body(reference, name), headers=KEY, stream=True, timeout=60) as answer:
        lines = answer.iter_lines(decode_unicode=True)
        while last not in next(lines):
            pass
        status = f"{service.base_url}/status/generation/{service.ledger.entries[-1].message_id}"
        while requests.get(status, headers=KEY, timeout=60).json()["status"] != "completed":
            time.sleep(0.01)  # bounded by pytest's own time-out
        answer.raw.connection.sock.settimeout(SILENCE)
        came = []
        with pytest.raises(requests.exceptions.ConnectionError, match="timed out"):
            came.extend(line for line in lines if line)
        assert came == []


def test_a_silent_hold_sends_no_comment(service, reference):
    answer = order(service, body(reference, "silent_hold"))
    assert b"\n:" not in answer.content
    assert chunks(answer)[-1]["status"] == "completed"


@pytest.mark.parametrize(
    "name", ["byte_by_byte", "duplicate_chunks", "shuffled_index", "not_json", "huge_event"]
)
def test_odd_but_whole_streams_end_complete(service, reference, name):
    text = order(service, body(reference, name)).content.decode()
    assert '"status": "completed"' in text.strip().splitlines()[-1]


def test_a_huge_event_has_three_million_bytes(service, reference):
    lines = order(service, body(reference, "huge_event")).content.split(b"\n")
    assert max(map(len, lines)) == pytest.approx(3_000_000, abs=10)


def test_duplicate_chunks_come_twice_and_shuffled_indices_fall(service, reference):
    twice = chunks(order(service, body(reference, "duplicate_chunks")))
    assert twice[0] == twice[1]
    falling = [one["chunkIndex"] for one in chunks(order(service, body(reference, "shuffled_index")))]
    assert falling == sorted(falling, reverse=True)


def test_a_gzipped_stream_is_whole(service, reference):
    url = f"{service.base_url}/v7/generate/remix"
    with requests.post(url, json=body(reference, "gzip"), headers=KEY, stream=True, timeout=30) as answer:
        raw = answer.raw.read(decode_content=False)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert b'"completed"' in gzip.decompress(raw)


def test_an_error_can_come_as_a_chunk_and_is_not_charged(service, reference):
    charged = len(service.ledger)
    told = chunks(order(service, body(reference, "error_in_stream")))
    assert told == [{"success": False, "message": "Rate limits have been passed for the user."}]
    assert len(service.ledger) == charged


def test_an_audio_url_missing_in_the_stream_is_in_the_status(service, reference):
    last = chunks(order(service, body(reference, "no_audio_url_in_stream")))[-1]
    assert "audio_url" not in last
    status = f"{service.base_url}/status/generation/{last['message_id']}"
    assert requests.get(status, headers=KEY, timeout=10).json()["audio_url"]


def test_a_redirected_post_says_where(service, reference):
    answer = order(service, body(reference, "redirect"), allow_redirects=False)
    assert answer.status_code == 307
    assert answer.headers["Location"] == "/v7/generate/remix"


@pytest.mark.parametrize("name", [name for name, kind in FAULTS.items() if kind.where is Where.CHUNKS])
def test_every_fault_of_the_story_reaches_stream_and_status_alike(service, reference, name):
    simulate = {"fault": name, "seconds": 60} if name == "slow_hold" else name
    last = chunks(order(service, body(reference, simulate)))[-1]
    assert last["isComplete"] is True
    status = f"{service.base_url}/status/generation/{last['message_id']}"
    assert requests.get(status, headers=KEY, timeout=10).json() == last
