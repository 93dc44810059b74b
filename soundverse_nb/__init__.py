"""soundverse_nb: the notebook laboratory for AI remixes.

Check a reference song before it costs anything, run many remix streams at once, watch them, hear
and measure what came back. Everything here is loaded when it is first used, so importing the
package is quick; see README.md for a tour.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from soundverse_nb import displays as _displays

if TYPE_CHECKING:
    from soundverse_nb import hosting as hosting
    from soundverse_nb import simulator as simulator
    from soundverse_nb.api.event import RemixEvent as RemixEvent
    from soundverse_nb.api.event import Stage as Stage
    from soundverse_nb.api.request import RemixRequest as RemixRequest
    from soundverse_nb.client import Client as Client
    from soundverse_nb.client import RemixJob as RemixJob
    from soundverse_nb.client import connect as connect
    from soundverse_nb.client import enable_nested as enable_nested
    from soundverse_nb.errors import APIError as APIError
    from soundverse_nb.errors import AuthenticationError as AuthenticationError
    from soundverse_nb.errors import BudgetExceededError as BudgetExceededError
    from soundverse_nb.errors import ConfigurationError as ConfigurationError
    from soundverse_nb.errors import DownloadError as DownloadError
    from soundverse_nb.errors import GenerationFailedError as GenerationFailedError
    from soundverse_nb.errors import HostingError as HostingError
    from soundverse_nb.errors import InsufficientBalanceError as InsufficientBalanceError
    from soundverse_nb.errors import InvalidRequestError as InvalidRequestError
    from soundverse_nb.errors import PreflightError as PreflightError
    from soundverse_nb.errors import RateLimitError as RateLimitError
    from soundverse_nb.errors import ReferenceAudioError as ReferenceAudioError
    from soundverse_nb.errors import ServiceUnavailableError as ServiceUnavailableError
    from soundverse_nb.errors import SoundverseError as SoundverseError
    from soundverse_nb.errors import TransportError as TransportError
    from soundverse_nb.errors import UnknownOutcomeError as UnknownOutcomeError
    from soundverse_nb.errors import UnreadableAnswerError as UnreadableAnswerError
    from soundverse_nb.examples import example_song as example_song
    from soundverse_nb.reference import Limits as Limits
    from soundverse_nb.reference import PreflightReport as PreflightReport
    from soundverse_nb.reference import preflight as preflight
    from soundverse_nb.reference import preflight_all as preflight_all
    from soundverse_nb.reference import repair as repair
    from soundverse_nb.remix import Clip as Clip
    from soundverse_nb.remix import Remix as Remix
    from soundverse_nb.widgets import compare as compare

__version__ = "0.1.0"

# Public word -> the module that defines it; the imports above say the same to type checkers.
_HOMES = {
    "APIError": "errors",
    "AuthenticationError": "errors",
    "BudgetExceededError": "errors",
    "ConfigurationError": "errors",
    "DownloadError": "errors",
    "GenerationFailedError": "errors",
    "HostingError": "errors",
    "InsufficientBalanceError": "errors",
    "InvalidRequestError": "errors",
    "PreflightError": "errors",
    "RateLimitError": "errors",
    "ReferenceAudioError": "errors",
    "ServiceUnavailableError": "errors",
    "SoundverseError": "errors",
    "TransportError": "errors",
    "UnknownOutcomeError": "errors",
    "UnreadableAnswerError": "errors",
    "RemixEvent": "api.event",
    "Stage": "api.event",
    "RemixRequest": "api.request",
    "Limits": "reference",
    "PreflightReport": "reference",
    "preflight": "reference",
    "preflight_all": "reference",
    "repair": "reference",
    "Client": "client",
    "RemixJob": "client",
    "connect": "client",
    "enable_nested": "client",
    "Clip": "remix",
    "Remix": "remix",
    "compare": "widgets",
    "example_song": "examples",
}
_MODULES = ("simulator", "hosting")

__all__ = ["__version__", *_HOMES, *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def _progress_board(**settings: Any) -> Any:
    """The notebook's progress display, or the terminal's, whichever this process has."""
    return import_module(f"{__name__}.widgets.progress").best_display(**settings)


def _player(*clips: Any, **settings: Any) -> Any:
    return import_module(f"{__name__}.widgets").compare(*clips, **settings)


_displays.register("progress", _progress_board)
_displays.register("player", _player)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
