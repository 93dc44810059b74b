"""The document's two endpoints over real HTTP: refusals, stages, charges, status."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re

import aiohttp
import pytest
import requests

from soundverse_nb.simulator import Simulator, orders
from soundverse_nb.simulator.music.prompt import read_prompt

from .conftest import KEY, SPEED, chunks, order, upload

JAZZ = "upbeat jazz remix with brass horns"


def test_an_order_ends_complete_and_is_charged_once(service, reference):
    before = len(service.ledger)
    answer = order(service, {"song_reference_url": reference, "prompt": JAZZ})
    told = chunks(answer)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert told[-1]["status"] == "completed"
    assert len(service.ledger) == before + 1
    charge = service.ledger.of(told[-1]["message_id"])[0]
    assert charge.title == told[-1]["song_name"]
    assert charge.reference == reference.split("/")[-2]
    assert (charge.amount, charge.unit) == (1.0, "remix")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"prompt": "gospel choir"}, "(Gospel Remix)"),
        ({"prompt": "xyzzy"}, "(Style Not Recognised, "),
        ({"prompt": "xyzzy", "lyrics": "hello my love"}, "Hello My Love (Style Not Recognised, "),
        ({"lyrics": "hello my love"}, "Hello My Love (Remix)"),
    ],
)
def test_the_name_of_the_song_says_which_style_was_recognised(service, reference, fields, said):
    # It fails half-way, so that no remix has to be made for its name.
    body = {"song_reference_url": reference, "parameters": {"simulate": "failure"}, **fields}
    (queued,) = [chunk for chunk in chunks(order(service, body)) if chunk["status"] == "queued"]
    assert said in queued["song_name"]
    assert set(queued) == {"message_id", "isComplete", "status", "album_art", "song_name", "chunkIndex"}


def test_the_style_that_is_named_instead_is_the_one_that_is_made(service, reference):
    names = set()
    for take in range(12):
        body = {
            "song_reference_url": reference, "prompt": "xyzzy",
            "parameters": {"take": take, "simulate": "failure"},
        }  # fmt: skip
        name = chunks(order(service, body))[1]["song_name"]
        made = read_prompt("xyzzy", json.dumps({"take": take})).style.name
        assert name.endswith(f"{made} Remix)")
        names.add(made)
    assert len(names) > 1


def test_every_event_is_one_data_line_and_an_empty_line(service, reference):
    text = order(service, {"song_reference_url": reference, "prompt": JAZZ}).content.decode()
    events = [event for event in text.split("\n\n") if event and not event.startswith(":")]
    assert all(event.startswith("data: {") and "\n" not in event for event in events)
    assert text.endswith("\n\n")


def test_the_connection_stays_alive_with_comments_during_the_hold(service, reference):
    longer = {"simulate": {"fault": "slow_hold", "seconds": 1000}}
    body = {"song_reference_url": reference, "prompt": JAZZ, "parameters": longer}
    text = order(service, body).content.decode()
    held = re.search(r'"progress": 90.*?\n\n(.*?)data: ', text, re.DOTALL)
    assert held is not None
    assert held.group(1).startswith(":")


@pytest.mark.parametrize("headers", [{}, {"Authorization": ""}, {"Authorization": "Basic abc"},
                                     {"Authorization": "Bearer"}, {"Authorization": "Bearer  "}])  # fmt: skip
def test_without_a_bearer_token_both_endpoints_answer_401(service, reference, headers):
    posted = order(service, {"song_reference_url": reference, "prompt": JAZZ}, headers=headers)
    asked = requests.get(f"{service.base_url}/status/generation/x", headers=headers, timeout=10)
    for answer in (posted, asked):
        assert answer.status_code == 401
        assert answer.json() == {"detail": "Not authenticated"}


def test_a_service_with_a_key_takes_no_other(song_file):
    with Simulator(speed=SPEED, api_key="right") as service:
        body = {
            "song_reference_url": upload(service, song_file, Authorization="Bearer right"),
            "prompt": JAZZ,
        }
        wrong = order(service, body, headers={"Authorization": "Bearer wrong"})
        right = order(service, body, headers={"Authorization": "bearer right"})
        assert (wrong.status_code, wrong.json()) == (401, {"detail": "Invalid API key"})
        assert right.status_code == 200
        assert len(service.ledger) == 1


def test_only_post_makes_remixes(service):
    answer = requests.get(f"{service.base_url}/v7/generate/remix", headers=KEY, timeout=10)
    assert (answer.status_code, answer.json()) == (405, {"detail": "Method Not Allowed"})


def test_the_simulator_names_itself_in_every_answer(service, reference):
    base = service.base_url
    answers = [
        order(service, {"song_reference_url": reference, "prompt": JAZZ}),
        order(service, {}),
        requests.get(f"{base}/simulator", timeout=10),
        requests.get(f"{base}/nowhere", timeout=10),
        requests.get(f"{base}/v7/generate/remix", timeout=10),
        requests.get(reference, timeout=10),
    ]
    assert all(answer.headers["Server"].startswith("soundverse-nb-simulator/") for answer in answers)
    assert answers[2].json()["simulator"] == "soundverse-nb"


REFUSALS = {
    "rate_limit": (429, {"success": False, "message": "Rate limits have been passed for the user."}),
    "no_balance": (402, {"success": False, "message": "Insufficient balance for this operation."}),
    "unavailable": (
        503,
        {
            "success": False,
            "message": "Service temporarily unavailable. Please try again in a moment.",
            "error": "Database connection pool exhausted",
        },
    ),
    "key_rejected": (401, {"detail": "Invalid API key"}),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals_have_the_documented_bodies_and_charge_nothing(service, reference, name):
    before = len(service.ledger)
    body = {"song_reference_url": reference, "prompt": JAZZ, "parameters": {"simulate": name}}
    answer = order(service, body)
    status, expected = REFUSALS[name]
    assert answer.status_code == status
    assert list(answer.json().items()) == list(expected.items())
    assert len(service.ledger) == before


def test_a_refusal_can_come_with_another_status_and_a_retry_after(service, reference):
    simulate = {"fault": "rate_limit", "status": 200, "retry_after": 1.5}
    body = {"song_reference_url": reference, "prompt": JAZZ, "parameters": {"simulate": simulate}}
    answer = order(service, body)
    assert answer.status_code == 200
    assert answer.headers["Retry-After"] == "1.5"
    assert answer.json()["success"] is False


def test_a_rate_limit_can_be_passed_after_n_times(service, reference):
    simulate = {"fault": "rate_limit", "times": 2, "tag": "passes"}
    body = {"song_reference_url": reference, "prompt": JAZZ, "parameters": {"simulate": simulate}}
    assert [order(service, body).status_code for _ in range(3)] == [429, 429, 200]


def test_html_and_empty_errors_are_no_json(service, reference):
    for name, status in (("html_error", 500), ("empty_error", 502)):
        body = {"song_reference_url": reference, "prompt": JAZZ, "parameters": {"simulate": name}}
        answer = order(service, body)
        assert answer.status_code == status
        with pytest.raises(json.JSONDecodeError):
            json.loads(answer.text)


def test_faults_of_the_whole_server_count_over_all_orders(song_file):
    with Simulator(speed=SPEED, faults=[{"fault": "unavailable", "times": 1}]) as service:
        url = upload(service, song_file)
        answers = [order(service, {"song_reference_url": url, "prompt": word}) for word in ("a", "b")]
        assert [answer.status_code for answer in answers] == [503, 200]


def test_a_refusal_does_not_use_up_the_faults_that_come_after_it(song_file):
    faults = [{"fault": "rate_limit", "times": 1}, {"fault": "eof_after_id", "times": 1}]
    with Simulator(speed=SPEED, faults=faults, take=1) as service:
        body = {"song_reference_url": upload(service, song_file), "prompt": JAZZ}
        refused, ended, whole = (order(service, body) for _ in range(3))
        assert refused.status_code == 429
        assert chunks(ended)[-1]["status"] == "queued"
        assert chunks(whole)[-1]["status"] == "completed"


def test_the_balance_runs_out(song_file):
    with Simulator(speed=SPEED, price=0.2, balance=0.4, take=1) as service:
        body = {"song_reference_url": upload(service, song_file), "prompt": JAZZ}
        assert [order(service, body).status_code for _ in range(3)] == [200, 200, 402]
        assert service.ledger.total == pytest.approx(0.4)


def test_a_key_that_runs_too_many_at_once_is_rate_limited(song_file):
    with Simulator(speed=1.0, max_concurrent=1) as service:
        body = {"song_reference_url": upload(service, song_file), "prompt": JAZZ}
        first = order(service, body, stream=True)
        second = order(service, body)
        other = order(service, body, stream=True, headers={"Authorization": "Bearer another"})
        assert (first.status_code, second.status_code, other.status_code) == (200, 429, 200)
        first.close()
        other.close()


def test_the_status_endpoint_tells_the_chunk_that_stands(service, reference):
    told = chunks(order(service, {"song_reference_url": reference, "prompt": JAZZ}))
    url = f"{service.base_url}/status/generation/{told[-1]['message_id']}"
    assert requests.get(url, headers=KEY, timeout=10).json() == told[-1]
    unknown = requests.get(f"{service.base_url}/status/generation/nobody", headers=KEY, timeout=10)
    assert (unknown.status_code, unknown.json()) == (404, {"detail": "Generation not found"})


def test_status_faults_hide_the_job_for_a_while_or_for_good(service, reference):
    for simulate, expected in (("status_unavailable", [503, 503, 200]), ("status_unknown", [404, 404, 404])):
        body = {"song_reference_url": reference, "prompt": JAZZ, "parameters": {"simulate": simulate}}
        message_id = chunks(order(service, body))[-1]["message_id"]
        url = f"{service.base_url}/status/generation/{message_id}"
        assert [requests.get(url, headers=KEY, timeout=10).status_code for _ in range(3)] == expected


def test_the_job_goes_on_when_nobody_listens(service, reference):
    body = {"song_reference_url": reference, "prompt": JAZZ, "parameters": {"simulate": "cut_after_id"}}
    with pytest.raises(requests.exceptions.RequestException):
        order(service, body)
    message_id = service.ledger.entries[-1].message_id
    url = f"{service.base_url}/status/generation/{message_id}"
    stage = ""
    while stage != "completed":  # bounded by pytest's own time-out
        stage = requests.get(url, headers=KEY, timeout=10).json()["status"]


def test_request_hash_and_time_tell_orders_apart_in_the_ledger(service, reference):
    body = json.dumps({"song_reference_url": reference, "prompt": JAZZ}).encode()
    requests.post(f"{service.base_url}/v7/generate/remix", data=body, headers=KEY, timeout=30)
    charge = service.ledger.entries[-1]
    assert charge.request == hashlib.sha256(body).hexdigest()
    assert charge.time > 1.7e9
    assert charge.message_id in str(service.ledger)


async def test_a_hundred_orders_at_once_give_a_hundred_charges(song_file):
    # Three remixes for all: the point is the hundred orders, not the music.
    async with Simulator(speed=SPEED, take=1) as service:
        url = await asyncio.to_thread(upload, service, song_file)

        async def one(session: aiohttp.ClientSession, number: int) -> dict[str, object]:
            body = {"song_reference_url": url, "prompt": f"house number {number % 3}"}
            async with session.post(f"{service.base_url}/v7/generate/remix", json=body) as answer:
                text = await answer.text()
            return dict(json.loads(text.strip().splitlines()[-1][6:]))

        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(headers=KEY, connector=connector) as session:
            ends = await asyncio.gather(*(one(session, number) for number in range(100)))
        assert {end["status"] for end in ends} == {"completed"}
        assert len({end["message_id"] for end in ends}) == 100
        assert len(service.ledger) == 100


@pytest.mark.parametrize("many", [64, 4])
async def test_completed_among_eight_means_that_the_file_is_there_unless_they_are_too_many(
    song_file, monkeypatch, tmp_path, many
):
    monkeypatch.setattr(orders, "_MANY", many)
    there = []
    async with Simulator(speed=SPEED, folder=tmp_path) as service:
        url = await asyncio.to_thread(upload, service, song_file)

        async def one(session: aiohttp.ClientSession, number: int) -> bytes:
            body = {"song_reference_url": url, "prompt": f"house number {number}"}
            async with session.post(f"{service.base_url}/v7/generate/remix", json=body) as answer:
                async for line in answer.content:
                    if line.startswith(b"data: ") and (chunk := json.loads(line[6:]))["isComplete"]:
                        break
            files = list(tmp_path.rglob("*.mp3"))
            there.append(len(files) > len(there))
            async with session.get(chunk["audio_url"]) as audio:
                return await audio.read()

        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(headers=KEY, connector=connector) as session:
            songs = await asyncio.gather(*(one(session, number) for number in range(8)))
    assert all(there) is (many == 64)
    assert len(set(songs)) == 8
    assert all(song.startswith(b"ID3") for song in songs)
