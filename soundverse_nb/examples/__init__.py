"""A song to begin with: "Harbour Lights", composed and played by this project's own code."""

from __future__ import annotations

from pathlib import Path

__all__ = ["TITLE", "example_song"]

TITLE = "Harbour Lights"


def example_song() -> Path:
    """Where the example song lies: an MP3 of about half a minute, stereo, 44.1 kHz.

    >>> import soundverse_nb as sv
    >>> sv.example_song().name
    'reference_song.mp3'
    """
    return Path(__file__).with_name("reference_song.mp3")
