"""Live displays: the protocol they follow, and the registry in which a front end plugs in its own.

The client runs in notebooks, terminals and services. It reports to a `ProgressDisplay` what happens to a
batch of remixes and never learns how that is drawn: the layers above register a factory here under a name,
the layers below look it up. That keeps every import pointing downward.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from soundverse_nb.advice import for_reader


class Phase(str, Enum):
    """Where one remix of a batch is, seen from this side of the wire."""

    CHECKING = "checking"  # preflight of the reference
    PUBLISHING = "publishing"  # giving a local file a URL
    WAITING = "waiting"  # for a free place among the concurrent streams
    SENDING = "sending"  # the POST is on its way
    RETRYING = "retrying"  # not taken for now, or not reached; `retry_in` seconds to go
    STREAMING = "streaming"  # the service reports stages; see `stage` and `progress`
    FOLLOWING = "following"  # the stream was cut or fell silent; the status endpoint is asked
    FETCHING = "fetching"  # the finished audio is being downloaded; progress in percent
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"  # no longer watched; an order that was sent is kept

    @property
    def is_final(self) -> bool:
        return self in (Phase.FINISHED, Phase.FAILED, Phase.CANCELLED)


@dataclass(frozen=True)
class ProgressUpdate:
    """One thing that happened to one remix of a batch.

    `index` is its place in the batch (from 0), `progress` a percentage 0-100, `retry_in` seconds,
    `stage` the service's own word (for example "queued"), `message` one sentence for the user. `notice` is a
    sentence about the batch that is worth seeing at its end too. `may_be_charged` tells of one that is
    cancelled whether it was sent.
    """

    index: int
    phase: Phase
    stage: str | None = None
    progress: float | None = None
    message: str | None = None
    retry_in: float | None = None
    song_name: str | None = None
    simulated: bool = False
    notice: str | None = None
    may_be_charged: bool = False


class ProgressDisplay(Protocol):
    """Draws a batch of remixes while it runs. Called on the client's event-loop thread; must not block."""

    def open(self, titles: list[str], cancel: Callable[[int | None], None]) -> None:
        """A batch starts: a title a remix. `cancel(index)` stops watching one, `cancel(None)` all;
        it may be called from any thread."""

    def update(self, update: ProgressUpdate) -> None:
        """Something happened to one remix."""

    def close(self) -> None:
        """The batch is over; what remains on show must survive in a saved notebook."""


def ipython_shell() -> Any:
    """The IPython shell of this process, None without one; IPython is not loaded to find out."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


def in_kernel() -> bool:
    """Whether this process is a Jupyter kernel."""
    return getattr(ipython_shell(), "kernel", None) is not None


def shows_text_only() -> bool:
    """Whether the asking shell shows plain text alone, as IPython in a terminal does."""
    formatter = getattr(ipython_shell(), "display_formatter", None)
    return formatter is not None and list(formatter.active_types) == ["text/plain"]


def notice(message: str) -> None:
    """Say something that was not asked for: on the error stream, so that a script's output stays its own."""
    print(f"soundverse_nb: {for_reader(message)}", file=sys.stderr)


def announce(message: str) -> None:
    """The same for what is as it should be: notebooks show the error stream on red, as if it were a fault."""
    print(f"soundverse_nb: {for_reader(message)}", file=sys.stdout if in_kernel() else sys.stderr)


Factory = Callable[..., Any]
_factories: dict[str, Factory] = {}


def register(name: str, factory: Factory) -> None:
    """Plug in a live display, for example register("progress", ProgressBoard). The last one wins."""
    _factories[name] = factory


def lookup(name: str) -> Factory | None:
    """The factory plugged in under this name, or None where this front end has none."""
    return _factories.get(name)
