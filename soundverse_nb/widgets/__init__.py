"""The live things of a notebook: progress and the player."""

from __future__ import annotations

from typing import Any


def compare(*songs: Any, labels: list[str] | None = None, title: str | None = None) -> Any:
    """Hear takes of a song against one another: one clock, one playhead, equal loudness.

    Parameters
    ----------
    songs : Clips, Remixes, paths or a RemixList, one at least. A single Remix is compared with its original.
    labels : a short name for each; without them a remix is called by its song and prompt.
    title : a line above them, "Comparison" by default.

    Raises ConfigurationError where there is nothing to compare or the names do not fit.

    >>> import soundverse_nb as sv
    >>> song = sv.example_song()
    >>> sv.compare(song, sv.repair(song, "part.mp3", duration=12).path, labels=["Whole", "Part"])
    LiveComparison(Whole, Part)
    """
    from soundverse_nb.widgets import player  # loads ipywidgets and anywidget

    return player.compare(*songs, labels=labels, title=title)
