"""Colours of songs, stages, states and lines, and the badge that marks what is simulated.

A saved notebook is read in themes nobody can foresee, so each colour sits mid-way between black and white.
"""

from __future__ import annotations

from markupsafe import Markup

from soundverse_nb.render.escape import fill

ORIGINAL = "#3f86cf"
REMIX = "#d4700f"
"""Blue and orange: 3:1 and better against white and against a dark page, and apart for colour-blind eyes."""

_SONGS = (ORIGINAL, REMIX, "#2f9e77", "#a66bd1", "#b8860b", "#cf4f6f")

GOOD, BAD, WARNING, QUIET = "#2f9e77", "#d9534f", "#b8860b", "#8a94a6"
LINE = "rgba(128,128,128,0.35)"

CHECKS = {"pass": "#2e9e5b", "fail": BAD, "warn": WARNING, "unknown": "#888888"}
"""One for each way in which a rule of preflight can end."""

VERDICTS = {True: "#217a44", False: "#c23b36"}
"""Behind white text, which needs a darker shade (WCAG 1.4.3: 4.5:1)."""

_STAGES = {
    "": "#c4cad4",  # before the service has named one
    "validating": QUIET,
    "queued": "#7a8fc9",
    "starting": "#4aa3a2",
    "initializing": "#5aa469",
    "uploading": "#b08fd8",
    "streaming": REMIX,
    "held": "#e3b341",
    "completed": ORIGINAL,
    "failed": BAD,
}

_ORDERS = {
    "fetched": GOOD,
    "unknown": WARNING,
    "completed": WARNING,
    "missing": WARNING,
    "failed": BAD,
    "unreadable": BAD,
}


def song_colour(place: int) -> str:
    """The colour of the song at this place (from 0) of a comparison; they repeat after six."""
    return _SONGS[place % len(_SONGS)]


def stage_colour(stage: str) -> str:
    """The colour of a stage of the service, of "held", or of "", before the first; an unknown one is grey."""
    return _STAGES.get(stage, QUIET)


def order_colour(state: str) -> str:
    """The colour of an order's state in a table; what needs nobody's eye is grey."""
    return _ORDERS.get(state, QUIET)


def badge(label: str, style: str = "padding:0 8px") -> Markup:
    """A short label in a rounded frame, for example "simulated"; `style` is what the place asks for."""
    return fill('<span style="border:1px solid {};border-radius:10px;{}">{}</span>', WARNING, style, label)
