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
    from soundverse_nb import simulator as simulator

__version__ = "0.1.0"

# Public word -> the module that defines it.
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
