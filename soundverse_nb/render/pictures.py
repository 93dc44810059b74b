"""A waveform as a PNG: crisp on dense screens, legible on a dark and on a light page.

The background is transparent and the colour sits mid-way between black and white, because a saved notebook
is read in themes nobody can foresee.
"""

from __future__ import annotations

import base64
import io
import warnings
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from soundverse_nb.render.colours import ORIGINAL
from soundverse_nb.render.escape import fill

_LEVELS = 16  # steps of transparency along an edge; more cannot be seen and compresses worse


class Envelope(Protocol):
    """The least and the greatest sample of each stretch: float arrays (channels, points)."""

    @property
    def minima(self) -> Any: ...

    @property
    def maxima(self) -> Any: ...


def waveform_png(
    envelope: Envelope,
    width_px: int = 900,
    height_px: int = 56,
    colour: str = ORIGINAL,
    *,
    density: int = 2,
    full_scale: float = 1.0,
) -> bytes:
    """The envelope as a PNG of `width_px * density` by `height_px * density` pixels.

    All channels are drawn into one shape (least and greatest of all). `full_scale` is the sample value that
    reaches the edge; greater ones are cut there. Samples that are not numbers are drawn as silence.
    An envelope without a single point gives the centre line of silence.
    """
    from PIL import Image

    width, height = max(1, width_px * density), max(2, height_px * density)
    low, high = columns(envelope, width)
    middle = height / 2
    top = middle - np.clip(high / full_scale, -1, 1) * middle
    bottom = middle - np.clip(low / full_scale, -1, 1) * middle
    # Silence is still a line, one page pixel thick.
    thin = np.maximum(0.0, density - (bottom - top)) / 2
    top, bottom = np.maximum(top - thin, 0), np.minimum(bottom + thin, height)
    rows = np.arange(height, dtype=np.float32)[:, None]
    covered = np.clip(np.minimum(rows + 1, bottom) - np.maximum(rows, top), 0, 1)
    image = Image.fromarray(np.rint(covered * (_LEVELS - 1)).astype(np.uint8))
    image.putpalette(bytes(_rgb(colour)) * _LEVELS)
    sink = io.BytesIO()
    alphas = bytes(round(255 * level / (_LEVELS - 1)) for level in range(_LEVELS))
    image.save(sink, "PNG", transparency=alphas, compress_level=6)
    return sink.getvalue()


def columns(envelope: Envelope, width: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The least and greatest sample under each of `width` pixel columns, finite, each of shape (width,)."""
    low = np.atleast_2d(np.asarray(envelope.minima, dtype=np.float32))
    high = np.atleast_2d(np.asarray(envelope.maxima, dtype=np.float32))
    if low.size == 0 or high.size == 0:
        return np.zeros(width, np.float32), np.zeros(width, np.float32)
    low = np.nan_to_num(low, nan=0.0, posinf=1.0, neginf=-1.0).min(axis=0)
    high = np.nan_to_num(high, nan=0.0, posinf=1.0, neginf=-1.0).max(axis=0)
    points = low.size
    starts = (np.arange(width, dtype=np.int64) * points) // width
    if points <= width:
        return low[starts], high[starts]
    return np.minimum.reduceat(low, starts), np.maximum.reduceat(high, starts)


def data_uri(data: bytes, mime: str) -> Markup:
    """The bytes as a URL that carries them, for `src` attributes."""
    return fill("data:{};base64,{}", mime, Markup(base64.b64encode(data).decode("ascii")))


def _rgb(colour: str) -> tuple[int, int, int]:
    digits = colour.lstrip("#")
    return int(digits[0:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)


# Dark violet over red to pale yellow, rising evenly in lightness, so that it reads in grey as well.
_ANCHORS = np.array(
    [
        (8, 6, 28),
        (60, 18, 96),
        (125, 32, 112),
        (190, 54, 92),
        (238, 100, 64),
        (252, 170, 88),
        (252, 238, 178),
    ],
    np.float64,
)
FLOOR_DB = -80.0


def spectrogram_png(level: NDArray[np.float32]) -> bytes:
    """PNG of `level` (bands, columns) in dB from -80 to 0: time to the right, low pitch at the bottom."""
    from PIL import Image

    steps = np.linspace(0, len(_ANCHORS) - 1, 256)
    palette = np.stack([np.interp(steps, np.arange(len(_ANCHORS)), _ANCHORS[:, c]) for c in range(3)], axis=1)
    shade = np.clip((level[::-1] - FLOOR_DB) / -FLOOR_DB, 0.0, 1.0)
    picture = Image.fromarray(np.round(shade * 255).astype(np.uint8), "P")
    picture.putpalette(np.round(palette).astype(np.uint8).tobytes())
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=False)
    return out.getvalue()


MAX_PIXELS = 40_000_000
"""A picture of more pixels than this is a decompression bomb, not album art."""


def thumbnail(path: Path, side_px: int = 112) -> bytes | None:
    """The picture as a square JPEG of `side_px`, None where it is gone, no picture, or absurdly large."""
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with Image.open(path, formats=("JPEG", "PNG", "WEBP", "GIF")) as image:
                if image.width * image.height > MAX_PIXELS:
                    return None
                image.draft("RGB", (side_px * 2, side_px * 2))
                small = ImageOps.fit(image.convert("RGB"), (side_px, side_px))
    except Exception:  # a hostile file may break a decoder in any way; a missing picture breaks nothing
        return None
    sink = io.BytesIO()
    small.save(sink, "JPEG", quality=80)
    return sink.getvalue()
