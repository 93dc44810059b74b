from __future__ import annotations

import math

import pytest

from soundverse_nb.render.units import (
    channels,
    clock,
    clock_beside,
    decimals,
    format_name,
    in_full,
    level,
    loudness,
    money,
    rate,
    signed,
    size,
    size_beside,
    size_in_full,
    span,
    whole_span,
)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0:00"),
        (1 / 44100, "0.023 ms"),
        (0.42, "0.4 s"),
        (7.5, "0:07"),
        (9.97, "0:09"),
        (30, "0:30"),
        (24.6, "0:24"),
        (30.99998, "0:31"),
        (59.9, "0:59"),
        (350, "5:50"),
        (3723, "1:02:03"),
        (math.nan, "?"),
    ],
)
def test_clock(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(9.96, "0:09"), (350.2, "350.2 s"), (9.9999, "9.9999 s"), (350, "5:50"), (372.2, "6:12")],
)
def test_a_length_gets_decimals_where_a_clock_would_read_like_a_limit(seconds: float, shown: str) -> None:
    assert clock_beside(seconds, 10.0, 350.0) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.9, "0 s"), (59.9, "59 s"), (65, "1 min 05 s"), (math.inf, "?")]
)
def test_a_waiting_time_that_goes_on_is_cut_to_seconds(seconds: float, shown: str) -> None:
    assert whole_span(seconds) == shown


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


@pytest.mark.parametrize(
    ("count", "limit", "shown"),
    [
        (15_876_044, 10_485_760, ("15.9 MB", "10.49 MB")),
        (10_470_000, 10_485_760, ("10.47 MB", "10.49 MB")),
        (10_485_764, 10_485_760, ("10,485,764 bytes", "10,485,760 bytes")),
        (10_485_760, 10_485_760, ("10.49 MB", "10.49 MB")),
        (10_000_001, 10_000_000, ("10,000,001 bytes", "10,000,000 bytes")),
        (0, 10_000_000, ("0 B", "10 MB")),
    ],
)
def test_a_size_beside_its_limit_reads_like_it_only_where_it_is_it(
    count: int, limit: int, shown: tuple[str, str]
) -> None:
    assert size_beside(count, limit) == shown


@pytest.mark.parametrize(
    ("name", "shown"),
    [("mp3", "MP3"), ("ogg", "Ogg"), ("webm", "WebM"), ("samples", "samples"), ("wav", "WAV"), ("", "")],
)
def test_formats_have_the_names_that_people_know(name: str, shown: str) -> None:
    assert format_name(name) == shown


def test_negative_numbers_have_a_minus_sign_and_nought_has_none() -> None:
    assert (signed(-15.43), signed(-0.04), signed(1.25, 1, plus=True)) == ("−15.4", "0.0", "+1.2")
    assert (loudness(-15.43), loudness(-math.inf), loudness(None)) == ("−15.4 LUFS", "", "")


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
