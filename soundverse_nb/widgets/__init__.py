"""The live things of a notebook: progress and the player."""

from __future__ import annotations

from typing import Any


def compare(*songs: Any, **settings: Any) -> Any:
    """Compare takes of a song by ear; see `widgets.player.compare`.

    >>> import soundverse_nb as sv
    >>> song = sv.example_song()
    >>> sv.compare(song, sv.repair(song, "part.mp3", duration=12).path, labels=["Whole", "Part"])
    LiveComparison(Whole, Part)
    """
    from soundverse_nb.widgets import player  # loads ipywidgets and anywidget

    return player.compare(*songs, **settings)
