"""Takes: a repeat is another remix, the same order is always the same one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import requests

from soundverse_nb.errors import ConfigurationError
from soundverse_nb.simulator import Simulator
from soundverse_nb.simulator.orders import read_submission
from soundverse_nb.simulator.refusals import Refusal
from soundverse_nb.simulator.takes import read_take

from .conftest import KEY, SPEED, chunks, order, upload


@pytest.mark.parametrize(
    ("simulate", "take", "faults"),
    [
        (None, None, None),
        ("failure", None, "failure"),
        ({"fault": "gzip", "times": 0}, None, {"fault": "gzip", "times": 0}),
        ({"take": 3}, 3, None),
        ({"take": 3, "fault": "gzip"}, 3, {"fault": "gzip"}),
        (["gzip", {"take": 2}], 2, ["gzip"]),
        ([{"take": 2}, {"fault": "gzip", "take": 2}], 2, [{"fault": "gzip"}]),
    ],
)
def test_a_pinned_take_is_read_beside_the_faults(simulate: object, take: int | None, faults: object) -> None:
    assert read_take(simulate) == (take, faults)


@pytest.mark.parametrize(
    "simulate",
    [{"take": 0}, {"take": -1}, {"take": 1.0}, {"take": True}, {"take": "1"}, {"take": None},
     {"take": 10**7}, [{"take": 1}, {"take": 2}]],
)  # fmt: skip
def test_what_is_no_take_is_refused_as_the_framework_refuses(simulate: object) -> None:
    parameters = {"simulate": simulate}
    with pytest.raises(Refusal) as caught:
        read_submission(
            json.dumps({"song_reference_url": "u", "prompt": "a", "parameters": parameters}).encode()
        )
    assert caught.value.status == 422
    with pytest.raises(ConfigurationError):
        Simulator(take=0)


def last(service: Simulator, reference: str, prompt: str = "dub", **parameters: object) -> dict[str, str]:
    body = {"song_reference_url": reference, "prompt": prompt, "parameters": parameters}
    return dict(chunks(order(service, body))[-1])


def audio(said: dict[str, str]) -> bytes:
    return requests.get(said["audio_url"], timeout=60).content


def takes(service: Simulator) -> list[int]:
    return [charge.take for charge in service.ledger]


def test_a_repeat_is_another_take_with_a_name_of_its_own(song_file: bytes) -> None:
    with Simulator(speed=SPEED) as service:
        reference = upload(service, song_file)
        first, second = last(service, reference), last(service, reference)
        assert audio(first) != audio(second)
        assert first["song_name"] != second["song_name"]
        asked = requests.get(
            f"{service.base_url}/status/generation/{second['message_id']}", headers=KEY, timeout=10
        )
        assert audio(asked.json()) == audio(second)


def test_takes_are_counted_by_song_prompt_lyrics_and_parameters_alone(song_file: bytes) -> None:
    with Simulator(speed=SPEED, render="short") as service:
        reference, renamed = upload(service, song_file), upload(service, song_file, "again.flac")
        last(service, reference)
        last(service, renamed)
        last(service, reference, simulate={"fault": "gzip", "tag": "x"})
        last(service, reference, "rock")
        last(service, reference, mood="dark")
        assert takes(service) == [1, 2, 3, 1, 1]


def test_a_refused_order_uses_up_no_take(song_file: bytes) -> None:
    with Simulator(speed=SPEED, render="short", faults=[{"fault": "rate_limit", "times": 1}]) as service:
        reference = upload(service, song_file)
        refused = order(service, {"song_reference_url": reference, "prompt": "dub"})
        last(service, reference)
        assert (refused.status_code, takes(service)) == (429, [1])


def test_a_take_is_pinned_for_one_request_or_for_a_service(song_file: bytes) -> None:
    with Simulator(speed=SPEED, render="short") as service:
        reference = upload(service, song_file)
        for pinned in ({"take": 1}, {"take": 7}, None, {"take": 1}, None):
            last(service, reference, **({"simulate": pinned} if pinned else {}))
        assert takes(service) == [1, 7, 1, 1, 2]
    with Simulator(speed=SPEED, render="short", take=1) as service:
        reference = upload(service, song_file)
        files = {audio(last(service, reference)) for _ in range(3)}
        assert (takes(service), len(files)) == ([1, 1, 1], 1)


def test_another_simulator_with_the_folder_counts_on_and_keeps_the_takes(
    tmp_path: Path, song_file: bytes
) -> None:
    with Simulator(speed=SPEED, render="short", folder=tmp_path) as service:
        reference = upload(service, song_file)
        made = [last(service, reference) for _ in range(2)]
        files = [audio(said) for said in made]
    with Simulator(speed=SPEED, render="short", folder=tmp_path) as service:
        last(service, upload(service, song_file))
        assert takes(service) == [3]
        for said, file in zip(made, files, strict=True):
            url = f"{service.base_url}/status/generation/{said['message_id']}"
            assert audio(requests.get(url, headers=KEY, timeout=10).json()) == file
