"""Rhythms as they are written on grid paper: sixteen steps a bar, digits 1-9 for how hard, dots for rests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

STEPS = 16


@dataclass(frozen=True)
class Hit:
    """One stroke or note of a bar: step 0-15 (a sixteenth each), velocity 0-1."""

    step: int
    velocity: float


def read_grid(grid: str) -> tuple[Hit, ...]:
    """The hits of a grid such as "9...5..."; spaces are for the eye."""
    steps = grid.replace(" ", "")
    return tuple(Hit(place, int(sign) / 9) for place, sign in enumerate(steps) if sign != ".")


# Pattern -> drum -> grid of one bar.
DRUMS: Mapping[str, Mapping[str, str]] = {
    "none": {},
    "jazz": {
        "ride":      "8... 9..6 8... 9..6",
        "brush":     ".... 6... .... 7...",
        "soft kick": "6... .... 5... ..4.",
        "soft hat":  ".... 8... .... 8...",
        "swish":     "5... 3... 5... 3...",
    },
    "house": {
        "deep kick": "9... 9... 9... 9...",
        "clap":      ".... 8... .... 8...",
        "open hat":  "..8. ..8. ..8. ..8.",
        "hat":       "4.2. 4.2. 4.2. 4.24",
        "shaker":    "3535 3535 3535 3535",
    },
    "techno": {
        "hard kick": "9... 9... 9... 9...",
        "hat":       "..7. ..7. ..7. ..73",
        "clap":      ".... 6... .... 6...",
        "rim":       "...4 ..4. .4.. ...4",
        "open hat":  "..5. ..5. ..5. ..5.",
    },
    "boom bap": {
        "kick":        "9... ..6. ..8. ....",
        "dusty snare": ".... 8... .... 8..2",
        "soft hat":    "7.4. 6.4. 7.4. 6.43",
    },
    "one drop": {
        "kick":     ".... .... 9... ....",
        "rim":      ".... .... 8... ....",
        "soft hat": "6.4. 7.4. 6.4. 7.45",
        "shaker":   "..3. ..3. ..3. ..3.",
    },
    "timpani": {
        "timpani":    "6... .... 4... ..23",
        "tambourine": ".... 3... .... 3...",
        "low tom":    "3... ..2. 3... ....",
    },
    "chip": {
        "chip kick":  "9... ..7. 9... ....",
        "chip snare": ".... 8... .... 8.5.",
        "chip hat":   "6.4. 6.4. 6.4. 6.44",
    },
    "rock": {
        "kick":      "9... ..7. 9.7. ....",
        "fat snare": ".... 9... .... 9...",
        "hat":       "7.5. 7.5. 7.5. 7.5.",
    },
    "trap": {
        "sub kick": "9... ...6 ..7. ....",
        "clap":     ".... .... 9... ....",
        "snare":    ".... .... 5... ...2",
        "hat":      "6.5. 6.5. 6.55 6555",
    },
    "disco": {
        "kick":       "9... 9... 9... 9...",
        "snare":      ".... 8... .... 8...",
        "open hat":   "..7. ..7. ..7. ..7.",
        "hat":        "5.35 5.35 5.35 5.35",
        "tambourine": "..5. ..5. ..5. ..5.",
    },
    "breakbeat": {
        "kick":  "9... ..6. .... 8...",
        "snare": "..2. 9..3 .3.. 9..4",
        "hat":   "6.5. 6.5. 6.5. 6.5.",
        "ride":  "5... 5... 5... 5...",
    },
    "gated": {
        "kick":        "9... ..6. 9... ....",
        "gated snare": ".... 9... .... 9...",
        "hat":         "5.35 5.35 5.35 5.35",
    },
    "shaker": {
        "soft kick":  "7... .... 6... ....",
        "shaker":     "5243 5243 5243 5243",
        "clap":       ".... 3... .... 3...",
        "tambourine": ".... 5... .... 5...",
    },
    "latin": {
        "soft kick":  "7... .... 7... ....",
        "clave":      "7..7 ..7. ..7. 7...",
        "shaker":     "5353 5353 5353 5353",
        "conga":      ".... 6... ..6. 6...",
        "high conga": "..5. .... 5... ..5.",
    },
    "pop": {
        "kick":       "9... ...6 9... ....",
        "snare":      ".... 8... .... 8...",
        "hat":        "6.4. 6.4. 6.4. 6.4.",
        "tambourine": "..3. ..3. ..3. ..3.",
    },
}  # fmt: skip

# What a drummer plays in the last bar of eight.
FILLS: tuple[Mapping[str, str], ...] = (
    {"snare": ".... .... .... 5678"},
    {"tom": ".... .... 7.7. ....", "low tom": ".... .... .... 8.8."},
    {"snare": ".... .... ..6. 6.78"},
)

# Pattern -> grid; a note lasts until the next one.
BASS: Mapping[str, str] = {
    "none": "",
    "walking": "8... 7... 8... 7.4.",
    "offbeat": "..8. ..8. ..8. ..86",
    "sixteenths": "8.66 8.66 8.66 8.66",
    "roots": "8... .... 7... ....",
    "long": "9... .... .... ..6.",
    "dub": "9..7 ..6. 8... 7.6.",
    "octaves": "8.6. 8.6. 8.6. 8.6.",
    "eighths": "8.6. 7.6. 8.6. 7.6.",
    "tumbao": "...8 ..7. .... 8...",
}
CHORDS: Mapping[str, tuple[str, float]] = {  # pattern -> grid, longest note in steps
    "none": ("", 0.0),
    "comping": ("7..6 .... ..7. ....", 3.0),
    "hits": ("8..7 .... ..8. .7..", 2.6),
    "stabs": ("...7 ..6. ..7. ..6.", 1.6),
    "offbeats": ("..7. ..7. ..7. ..7.", 1.2),
    "held": ("7... .... 6... ....", 7.6),
    "skank": (".... 7... .... 7...", 1.4),
    "marcato": ("8... 6... 7... 6.6.", 2.4),
    "arpeggio": ("7565 7565 7565 7565", 1.0),
    "power": ("8.6. 7.6. 8.6. 7.6.", 2.4),
    "scratch": ("..76 ..7. ..76 .67.", 0.9),
    "strum": ("8... 6.5. .56. 6.5.", 3.0),
    "montuno": ("7.67 .67. 7.67 .67.", 1.5),
}
