from __future__ import annotations

import math

import pytest

from soundverse_nb.render.units import (
    channels,
    clock,
    decimals,
    in_full,
    level,
    money,
    rate,
    size,
    size_in_full,
    span,
)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0:00"),
        (1 / 44100, "0.023 ms"),
        (7.5, "0:07.5"),
        (9.97, "0:10"),
        (30, "0:30"),
        (59.9, "1:00"),
        (350, "5:50"),
        (3723, "1:02:03"),
        (math.nan, "?"),
    ],
)
def test_clock(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.04, "0.0 s"),
        (3.21, "3.2 s"),
        (59.7, "1 min 00 s"),
        (185, "3 min 05 s"),
        (7260, "2 h 01 min"),
        (math.inf, "?"),
    ],
)
def test_span(seconds: float, shown: str) -> None:
    assert span(seconds) == shown


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 B"), (999, "999 B"), (482_000, "482 kB"), (999_600, "1 MB"), (61_740_044, "61.7 MB")],
)
def test_size(count: int, shown: str) -> None:
    assert size(count) == shown


@pytest.mark.parametrize(
    ("peak", "shown"),
    [(0, "silent"), (1, "peak 0.0 dBFS"), (0.5, "peak −6.0 dBFS"), (0.9999, "peak 0.0 dBFS")],
)
def test_level(peak: float, shown: str) -> None:
    assert level(peak) == shown


def test_small_prices_are_not_rounded_away() -> None:
    assert money(0.2 * 17) == "3.40"
    assert money(0.004) == "0.004"


def test_rate_and_channels() -> None:
    assert (rate(44100), rate(8000)) == ("44.1 kHz", "8 kHz")
    assert (channels(1), channels(2), channels(6)) == ("mono", "stereo", "6 channels")


@pytest.mark.parametrize(
    ("value", "limit", "needed"),
    [
        (9.5, 10, 3),
        (9.999875, 10, 4),
        (350.0000227, 350, 5),
        (350.0, 350, 3),
        (9.9996, 9.9998, 4),
        (math.nextafter(10, 0), 10, 15),
        (math.inf, 350, 3),
    ],
)
def test_a_number_gets_the_decimals_that_keep_it_on_its_side_of_a_limit(
    value: float, limit: float, needed: int
) -> None:
    assert decimals(value, limit) == needed
    shown = float(f"{value:.{needed}f}")
    assert (shown < limit, shown > limit) == (value < limit, value > limit)


def test_a_limit_is_written_with_every_digit_it_has() -> None:
    assert [in_full(limit) for limit in (10.0, 350.0001, 0.1 + 0.2, 1e-4)] == [
        "10",
        "350.0001",
        "0.3",
        "0.0001",
    ]


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (999_999, "999,999 bytes"),
        (10_485_760, "10,485,760 bytes"),
        (10_485_761, "10,485,761 bytes"),
    ],
)
def test_size_in_full_is_to_the_byte(count: int, shown: str) -> None:
    assert size_in_full(count) == shown
