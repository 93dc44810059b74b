from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from PIL import Image

from soundverse_nb.render.colours import ORIGINAL, REMIX
from soundverse_nb.render.pictures import columns, data_uri, waveform_png


@dataclass
class Outline:
    minima: Any
    maxima: Any


def outline(*channels: list[float]) -> Outline:
    peaks = np.array(channels, np.float32)
    return Outline(-peaks, peaks)


def opacity(png: bytes) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))[:, :, 3]


def test_it_is_drawn_at_twice_the_page_pixels() -> None:
    assert Image.open(io.BytesIO(waveform_png(outline([0.5] * 10), 300, 40))).size == (600, 80)


def test_the_background_is_transparent_and_the_shape_is_not() -> None:
    alpha = opacity(waveform_png(outline([0.5] * 100), 100, 40))
    assert alpha[0].max() == 0
    assert alpha[-1].max() == 0
    assert alpha[40].min() == 255


@pytest.mark.parametrize("peak", [0.25, 0.5, 1.0])
def test_height_is_to_scale(peak: float) -> None:
    alpha = opacity(waveform_png(outline([peak] * 50), 50, 100))
    assert alpha[:, 20].astype(float).sum() / 255 == pytest.approx(200 * peak, abs=0.5)


def test_silence_is_a_line_one_page_pixel_thick() -> None:
    alpha = opacity(waveform_png(outline([0.0] * 50), 50, 40))
    assert alpha[:, 20].astype(float).sum() / 255 == pytest.approx(2, abs=0.2)


def test_a_click_of_one_sample_is_not_lost_among_many_points() -> None:
    peaks = [0.0] * 10_000
    peaks[5003] = 1.0
    alpha = opacity(waveform_png(outline(peaks), 100, 40)).astype(float).sum(axis=0) / 255
    assert alpha.argmax() == 5003 * 200 // 10_000
    assert alpha.max() == pytest.approx(80, abs=1)


@pytest.mark.parametrize(
    "points",
    [
        outline([0.3]),
        outline([np.nan, np.inf, 0.5]),
        outline([7.0, 9.0]),
        outline([0.2, 0.3], [0.6, 0.1]),
        Outline(np.zeros((2, 0)), np.zeros((2, 0))),
        Outline([-0.1, -0.2], [0.1, 0.2]),
    ],
    ids=["one point", "not numbers", "beyond full scale", "stereo", "empty", "plain lists"],
)
def test_odd_outlines_are_drawn(points: Outline) -> None:
    assert opacity(waveform_png(points, 60, 20)).max() == 255


def test_the_greatest_of_all_channels_is_shown() -> None:
    low, high = columns(outline([0.1, 0.2], [0.4, 0.05]), 2)
    assert low == pytest.approx([-0.4, -0.2])
    assert high == pytest.approx([0.4, 0.2])


@pytest.mark.parametrize("colour", [ORIGINAL, REMIX])
@pytest.mark.parametrize("page", ["#ffffff", "#111111"])
def test_colours_stand_out_on_dark_and_on_light_pages(colour: str, page: str) -> None:
    """WCAG 2.1, success criterion 1.4.11: graphical objects at 3:1 at least."""
    bright, dim = sorted((luminance(colour), luminance(page)), reverse=True)
    assert (bright + 0.05) / (dim + 0.05) >= 3


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_a_data_uri_carries_the_bytes() -> None:
    head, _, body = data_uri(b"\x00\xffsound", "audio/mpeg").partition(",")
    assert head == "data:audio/mpeg;base64"
    assert base64.b64decode(body) == b"\x00\xffsound"
