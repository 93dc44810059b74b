"""A small copy of the album art, made of a file nobody vouches for."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

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
