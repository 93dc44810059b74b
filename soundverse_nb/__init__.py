"""soundverse_nb: the notebook laboratory for AI remixes.

Check a reference song before it costs anything, run many remix streams at once, watch them, hear
and measure what came back:

    import soundverse_nb as sv

    client = sv.connect()                   # the real service if there is a key, else the embedded one
    song = sv.example_song()                # or the path of a song of yours
    sv.preflight(song)                      # would the service take it? free, on this machine
    remix = await client.remix(song, prompt="upbeat jazz")       # in plain code: client.remix_sync(...)
    remix.compare()                         # switch between the two while they play
    remixes = await client.remix_all([(song, "lo-fi hip hop"), (song, "drum and bass")])
    client.orders()                         # what was ordered, and how it stands

Everything here is loaded when it is first used, so importing the package is quick; README.md is a tour.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import lazy_loader

from soundverse_nb import displays as _displays

__version__ = "0.1.0"

_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ += ["__version__"]


def __getattr__(name: str) -> Any:
    """A public word, loaded when it is first used; of a word that is none, the one that may be meant."""
    try:
        return _load(name)
    except AttributeError:
        if name in __all__:  # its own module is at fault
            raise
        near = [] if name.startswith("_") else import_module("difflib").get_close_matches(name, __all__, 1)
        meant = f" Did you mean {near[0]!r}?" if near else ""
        raise AttributeError(f"soundverse_nb has no {name!r}.{meant}") from None


def _progress_board(**settings: Any) -> Any:
    """The notebook's progress display, or the terminal's, whichever this process has."""
    return import_module(f"{__name__}.widgets.progress").best_display(**settings)


def _player(*clips: Any, **settings: Any) -> Any:
    return import_module(f"{__name__}.widgets").compare(*clips, **settings)


def _gallery(*takes: Any, **settings: Any) -> Any:
    return import_module(f"{__name__}.widgets.gallery").gallery(*takes, **settings)


def _job(*job: Any) -> Any:
    return import_module(f"{__name__}.widgets.ticker").show_job(*job)


def _whole_songs(clips: Any) -> str:
    return str(import_module(f"{__name__}.widgets.whole_songs").mark_for(clips))


def _difference(*songs: Any) -> Any:
    return import_module(f"{__name__}.analysis").compare_audio(*songs)


def _differences(*pairs: Any, **settings: Any) -> Any:
    return import_module(f"{__name__}.analysis").compare_all(*pairs, **settings)


def _difference_picture(difference: Any) -> Any:
    return import_module(f"{__name__}.analysis.picture").draw(difference)


_displays.register("difference", _difference)
_displays.register("difference_picture", _difference_picture)
_displays.register("differences", _differences)
_displays.register("progress", _progress_board)
_displays.register("gallery", _gallery)
_displays.register("job", _job)
_displays.register("player", _player)
_displays.register("whole_songs", _whole_songs)
