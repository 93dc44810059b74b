"""A cover drawn for the remix: hills of sound under a sun, in colours that follow from title and prompt."""

from __future__ import annotations

import hashlib
import io
import math
import random
import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

SIZE = 640
_MARGIN = 44
_HILLS = 6
# Sky above, sky at the horizon, sun, nearest hill.
_PALETTES = (
    ("#1b1f4b", "#f2668b", "#ffd166", "#0b1026"),
    ("#06323a", "#2bb3a3", "#f9f3c3", "#03191e"),
    ("#3b1c5a", "#ff7e5f", "#ffe29a", "#1a0b2b"),
    ("#12263f", "#6fb1fc", "#ffffff", "#0a1524"),
    ("#4a1942", "#e0777d", "#f9dcc4", "#210a1e"),
    ("#20301d", "#c9a227", "#fff1d0", "#0f170e"),
    ("#2d1e2f", "#f15946", "#f9c80e", "#160f17"),
    ("#0d2c54", "#ffb400", "#fff6e0", "#06162b"),
)


def draw_cover(title: str, prompt: str, seed: str) -> bytes:
    """A square JPEG cover. The same title, prompt and seed give the same picture."""
    import numpy as np
    from PIL import Image

    digest = hashlib.sha256("\n".join((title, prompt, seed)).encode("utf-8", "replace")).digest()
    chance = random.Random(digest)
    sky, horizon, sun, ground = (_rgb(colour) for colour in chance.choice(_PALETTES))
    rows = np.linspace(0, 1, SIZE, dtype=np.float32)[:, None]
    # A plane each for red, green and blue: numpy is slow with three numbers side by side.
    canvas = np.empty((3, SIZE, SIZE), dtype=np.float32)
    canvas[:] = sky + (horizon - sky) * rows**1.4
    sun_place = [chance.uniform(*parts) for parts in ((0.28, 0.72), (0.3, 0.44), (0.15, 0.21))]
    tops = [_ridge(chance, hill / (_HILLS - 1)) for hill in range(_HILLS)]
    # What a nearer hill hides is not drawn: most of the picture would be drawn seven times.
    hidden_from = [min(SIZE, math.ceil(top.max() + 0.5)) for top in tops] + [SIZE]
    _lay_sun(canvas[:, : hidden_from[0]], sun_place, sun)
    for hill, top in enumerate(tops):
        shown = slice(max(0, math.floor(top.min() - 0.5)), hidden_from[hill + 1])
        _lay_hill(canvas, shown, top, _hill_colour(hill / (_HILLS - 1), horizon, ground))
    canvas += np.random.default_rng(digest[0]).normal(0, 2.0, (SIZE, SIZE)).astype(np.float32)
    pixels = np.clip(canvas, 0, 255, out=canvas).astype(np.uint8).transpose(1, 2, 0)
    picture = Image.fromarray(np.ascontiguousarray(pixels), "RGB")
    _letter(picture, title)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=86)
    return out.getvalue()


@lru_cache(maxsize=1)
def plain_cover() -> bytes:
    """One small cover for all remixes, where thousands are ordered: drawing takes longer than the rest."""
    from PIL import Image

    large = Image.open(io.BytesIO(draw_cover("Short Rendering", "", "")))
    out = io.BytesIO()
    large.resize((SIZE // 4, SIZE // 4)).save(out, "JPEG", quality=60)
    return out.getvalue()


def _rgb(colour: str) -> NDArray[np.float32]:
    import numpy as np

    values = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return np.array(values, dtype=np.float32)[:, None, None]


def _lay_sun(canvas: NDArray[np.float32], place: list[float], colour: NDArray[np.float32]) -> None:
    """A disc with the grooves of a record, and its glow. `place`: across, down, radius; in parts of SIZE."""
    import numpy as np

    x, y, radius = (SIZE * part for part in place)
    along = np.arange(SIZE, dtype=np.float32)
    down = np.arange(canvas.shape[1], dtype=np.float32)[:, None]
    distance = np.hypot(along - x, down - y)
    glow = 0.45 * np.exp(-np.maximum(0, distance - radius) / (0.5 * radius))
    disc = np.clip(radius - distance + 0.5, 0, 1)
    grooves = 0.9 + 0.1 * np.cos(distance * 2 * np.pi / 7)
    cover = np.maximum(glow, disc * grooves)
    canvas += cover * (colour - canvas)


def _ridge(chance: random.Random, near: float) -> NDArray[np.float32]:
    """The rows where a hill begins, a sum of slow waves; `near` 0 at the horizon to 1 in front."""
    import numpy as np

    along = np.linspace(0, 1, SIZE, dtype=np.float32)
    ridge = np.zeros(SIZE, dtype=np.float32)
    for wave in range(1, 6):
        turns, height = wave * chance.uniform(0.7, 1.3), 0.055 / wave**1.1
        ridge += height * np.sin(2 * np.pi * (turns * along + chance.random())).astype(np.float32)
    return SIZE * (0.56 + 0.36 * near + ridge)


def _hill_colour(near: float, far: NDArray[np.float32], nearest: NDArray[np.float32]) -> NDArray[np.float32]:
    return far + (nearest - far) * (0.25 + 0.75 * near)


def _lay_hill(
    canvas: NDArray[np.float32], rows: slice, top: NDArray[np.float32], colour: NDArray[np.float32]
) -> None:
    """Some rows of a hill, which darkens from its top down."""
    import numpy as np

    down = np.arange(SIZE, dtype=np.float32)[rows, None]
    inside = np.clip(down - top + 0.5, 0, 1)
    depth = np.clip((down - top) / SIZE, 0, 1)
    canvas[:, rows] += inside * (colour * (1 - 0.5 * depth) - canvas[:, rows])


def _letter(picture: Image, title: str) -> None:
    """The title as large as fits, and a line that says where it comes from."""
    from PIL import ImageDraw, ImageFont

    draw = ImageDraw.Draw(picture)
    small = ImageFont.load_default(19)
    draw.text((_MARGIN, SIZE - _MARGIN), "simulated remix", (255, 255, 255), font=small, anchor="ls")
    if not title.isascii():
        return  # the built-in typeface has Latin letters only
    lines = _broken(title)
    for size in range(54, 18, -2):
        font = ImageFont.load_default(size)
        if max(font.getlength(line) for line in lines) <= SIZE - 2 * _MARGIN:
            break
    low = SIZE - _MARGIN - 38
    for line in reversed(lines):
        draw.text((_MARGIN + 2, low + 2), line, (0, 0, 0), font=font, anchor="ls")
        draw.text((_MARGIN, low), line, (255, 255, 255), font=font, anchor="ls")
        low -= round(1.15 * size)


def _broken(title: str) -> list[str]:
    """The title on two lines: what stands in brackets goes to the second."""
    head, bracket, tail = title.partition(" (")
    return [head, bracket.strip() + tail] if bracket else [title]


_FIRST = (
    "Velvet",
    "Midnight",
    "Golden",
    "Paper",
    "Neon",
    "Silver",
    "Quiet",
    "Electric",
    "Amber",
    "Distant",
    "Lantern",
    "Northern",
    "Hollow",
    "Saffron",
    "Winter",
    "Borrowed",
    "Harbour",
    "Copper",
    "Drifting",
)
_SECOND = (
    "Hour",
    "Avenue",
    "Signal",
    "Garden",
    "Tide",
    "Parade",
    "Mirror",
    "Weather",
    "Station",
    "Orchard",
    "Skyline",
    "Carousel",
    "Shadow",
    "Compass",
    "Holiday",
    "Machine",
    "River",
    "Lights",
    "Window",
)
_LIMIT = 80


def song_name(prompt: str, lyrics: str, seed: str, style: str = "", chosen: str = "") -> str:
    """A title such as "Amber Avenue (Jazz Remix)"; the first words of the lyrics where there are any.

    `style` is the style the prompt was read as ("" for none); `chosen` the one that was taken instead, where
    one was asked for that nobody here knows: the title is where whoever asked sees it. The same seed gives
    the same title.
    """
    words = re.findall(r"[^\W_]+(?:['’][^\W_]+)?", lyrics)
    if words:
        head = " ".join(word.capitalize() for word in words[:4])
    else:
        digest = hashlib.sha256(f"{seed}\n{prompt}".encode("utf-8", "replace")).digest()
        head = f"{_FIRST[digest[0] % len(_FIRST)]} {_SECOND[digest[1] % len(_SECOND)]}"
    tail = f"({style} Remix)" if style else "(Remix)"
    if chosen and not style:
        tail = f"(Style Not Recognised, {chosen} Remix)"
    return f"{head[: _LIMIT - len(tail) - 1]} {tail}"
