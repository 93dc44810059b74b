"""A spectrogram as a picture."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

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
