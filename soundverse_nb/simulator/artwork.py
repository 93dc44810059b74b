"""A cover drawn for the remix: same title and prompt, same picture."""

from __future__ import annotations

import io
import random


def draw_cover(title: str, prompt: str, seed: str) -> bytes:
    from PIL import Image

    chance = random.Random(f"{seed}")
    image = Image.new("RGB", (64, 64), tuple(chance.randrange(256) for _ in range(3)))
    out = io.BytesIO()
    image.save(out, "JPEG")
    return out.getvalue()
