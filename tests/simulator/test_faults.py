"""Naming, reading and counting faults."""

from __future__ import annotations

import pytest

from soundverse_nb.errors import ConfigurationError
from soundverse_nb.simulator.faults import FAULTS, Fault, FaultCount, Where, read_faults


def test_every_fault_says_in_words_what_it_does():
    assert all(kind.what and isinstance(kind.where, Where) for kind in FAULTS.values())


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, ()),
        ([], ()),
        ("failure", (Fault("failure"),)),
        (Fault("failure"), (Fault("failure"),)),
        ({"fault": "rate_limit", "times": 2, "retry_after": 1.5}, (Fault("rate_limit", 2, 1.5),)),
        (["gzip", {"fault": "slow_hold", "seconds": 9}], (Fault("gzip"), Fault("slow_hold", seconds=9))),
    ],
)
def test_faults_are_read_from_names_mappings_and_lists(given, expected):
    assert read_faults(given) == expected


@pytest.mark.parametrize(
    "given",
    [
        "no_such_fault",
        {"times": 2},
        {"fault": 3},
        {"fault": "rate_limit", "time": 2},
        {"fault": "rate_limit", "times": -1},
        {"fault": "rate_limit", "times": 1.5},
        {"fault": "rate_limit", "times": True},
        {"fault": "rate_limit", "retry_after": float("nan")},
        {"fault": "rate_limit", "status": 99},
        {"fault": "huge_event", "size": 10**9},
        {"fault": "failure", "tag": 4},
        7,
        [["failure"]],
    ],
)
def test_what_is_no_fault_is_refused_with_a_reason(given):
    with pytest.raises(ConfigurationError) as caught:
        read_faults(given)
    assert caught.value.message


def test_a_fault_with_times_happens_so_often_for_each_key():
    count, fault = FaultCount(), Fault("rate_limit", times=2)
    assert [count.happens(fault, "a") for _ in range(4)] == [True, True, False, False]
    assert count.happens(fault, "b")


def test_a_fault_without_times_happens_every_time():
    count, fault = FaultCount(), Fault("rate_limit")
    assert all(count.happens(fault, "a") for _ in range(10))


def test_flaky_faults_pass_by_themselves():
    assert Fault("audio_flaky").times == 2
    assert Fault("status_unavailable").times == 2
