"""Metrics of one's own: what kind they are, what they are called, what becomes of what they raise."""

from __future__ import annotations

import asyncio
import math
import pickle
import sys
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

import soundverse_nb as sv
from soundverse_nb.analysis import metrics, remove_metric


@pytest.fixture(autouse=True)
def _only_mine() -> Iterator[None]:
    yield
    for each in (*metrics("clip"), *metrics("pair")):
        remove_metric(each.name)


def raise_(error: BaseException) -> float:
    raise error


def test_the_number_of_parameters_says_whether_it_is_about_a_clip_or_a_pair() -> None:
    sv.metric("one", lambda clip: 1.0)
    sv.metric("two", lambda reference, remix: 2.0)
    assert [each.name for each in metrics("clip")] == ["one"]
    assert [each.name for each in metrics("pair")] == ["two"]


def test_it_may_be_said_where_the_parameters_do_not_tell() -> None:
    assert sv.metric("any", lambda *clips: len(clips), of="pair").of == "pair"


def test_it_decorates_a_function() -> None:
    @sv.metric("bass", unit="dB", version="2")
    def bass(clip: object) -> float:
        return -3.0

    (found,) = metrics("clip")
    assert (found.column, found.version) == ("bass (dB)", "2")


def test_a_cell_that_is_run_again_takes_the_place_of_what_it_registered() -> None:
    for value in (1.0, 2.0):
        sv.metric("bass", lambda clip, value=value: value)
    (found,) = metrics("clip")
    assert found.measure(None) == (2.0, "")


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda clip: 1 / 0, "ZeroDivisionError: division by zero"),
        (lambda clip: math.nan, "The function gave nan."),
        (lambda clip: math.inf, "The function gave infinity."),
        (lambda clip: "loud", "could not convert string to float"),
        (lambda clip: None, "TypeError"),
        (lambda clip: sys.exit("no licence"), "SystemExit: no licence"),
        (lambda clip: raise_(asyncio.CancelledError()), "CancelledError"),
        (lambda clip: raise_(GeneratorExit()), "GeneratorExit"),
    ],
)
def test_what_is_no_number_is_nan_with_the_reason(function: object, reason: str) -> None:
    value, why = sv.metric("odd", function).measure(None)
    assert math.isnan(value)
    assert reason in why


def test_a_function_of_three_songs_is_refused() -> None:
    with pytest.raises(sv.ConfigurationError, match="takes 3 songs"):
        sv.metric("odd", lambda a, b, c: 0.0)


@pytest.mark.parametrize("name", ["", "  ", None])
def test_it_needs_a_name(name: object) -> None:
    with pytest.raises(sv.ConfigurationError, match="no name"):
        sv.metric(name, lambda clip: 0.0)  # type: ignore[arg-type]


def test_a_built_in_measure_keeps_its_name() -> None:
    for name in ("tempo_bpm", "tune_kept", "key", "duration_s"):
        with pytest.raises(sv.ConfigurationError, match="built-in"):
            sv.metric(name, lambda clip: 0.0)


def test_warnings_of_a_metric_are_its_own_affair() -> None:
    def noisy(clip: object) -> float:
        warnings.warn("thin ice", stacklevel=1)
        return 1.0

    with pytest.warns(UserWarning, match="thin ice"):
        assert sv.metric("noisy", noisy).measure(None) == (1.0, "")


def test_an_interrupt_ends_a_metric_and_one_that_it_raises_elsewhere_is_its_own() -> None:
    metric = sv.metric("long", lambda clip: raise_(KeyboardInterrupt("mine")))
    with pytest.raises(KeyboardInterrupt):
        metric.measure(None)  # on the main thread it may be Ctrl-C
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(metric.measure, None).result()[1] == "KeyboardInterrupt: mine"


@pytest.mark.parametrize(
    ("ends", "value", "reason"),
    [
        ((0, 1), 1.2, "The function gave 1.2, outside of its range, 0 to 1."),
        ((0, None), -3, "The function gave -3, outside of its range, 0 or more."),
        ((None, 0), 0.5, "The function gave 0.5, outside of its range, 0 or less."),
        ((0, 1), 1 + 1e-12, ""),
        (None, -1e9, ""),
    ],
)
def test_a_value_outside_of_its_range_is_nan_with_the_reason(ends: Any, value: float, reason: str) -> None:
    found, why = sv.metric("share", lambda clip: value, range=ends).measure(None)
    assert why == reason
    assert math.isnan(found) == bool(reason)


@pytest.mark.parametrize("ends", [(1, 0), (0, 0), (0,), (0, math.inf), "01x", 5, ("a", "b")])
def test_what_is_no_range_is_refused(ends: Any) -> None:
    with pytest.raises(sv.ConfigurationError, match="is no range"):
        sv.metric("share", lambda clip: 0.5, range=ends)


def test_a_metric_goes_to_another_process_with_its_function_and_all_that_was_said_of_it() -> None:
    made = sv.metric("share", lambda clip: 0.25, unit="1", version="2", range=(0, 1))
    came = pickle.loads(pickle.dumps(made))
    assert came == made
    assert came.code == made.code
    assert came.measure(None) == (0.25, "")


class Fragile:
    """Can be sent, and not received."""

    def __reduce__(self) -> Any:
        return raise_, (ModuleNotFoundError("No module named 'voices'"),)

    def __call__(self, clip: Any) -> float:
        return 1.0


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (partial(lambda lock, clip: 1.0, threading.Lock()), "It cannot be sent to another process"),
        (Fragile(), "It cannot be read in another process (No module named 'voices')"),
    ],
)
def test_a_metric_that_cannot_go_to_another_process_says_so_and_takes_no_other_along(
    function: Any, reason: str
) -> None:
    metric = sv.metric("held", function, of="clip")
    assert reason in pickle.loads(pickle.dumps(metric)).measure(None)[1]
    assert metric.measure(None) == (1.0, "")
