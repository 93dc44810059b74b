"""Progress of a check or a repair, in a notebook or a terminal; nothing where the output is a file."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from soundverse_nb.displays import in_kernel, ipython_shell
from soundverse_nb.render.labels import progress_html

if TYPE_CHECKING:
    from rich.progress import Progress  # takes a tenth of a second to load

Show = Callable[[str], None]
"""Says what is being done from now on."""

_QUICK_SECONDS = 0.3
"""What is over by then shows no progress."""
_BEAT_SECONDS = 0.2
"""So often a notebook's line is renewed at the most."""


@contextmanager
def counter(
    progress: bool | Callable[[int, int], None], total: int, done_words: str = "songs checked"
) -> Iterator[Callable[[], None]]:
    """A function to call for each song that is done, which reports the progress where that is wanted.

    `done_words` say what is counted.
    """
    done = 0
    if callable(progress):
        report = progress

        def count() -> None:
            nonlocal done
            done += 1
            report(done, total)

        yield count
    elif not progress or total < 2:
        yield lambda: None
    elif in_kernel():
        with NotebookLine() as line:

            def count() -> None:
                nonlocal done
                done += 1
                line.show(f"{done} of {total} {done_words}", done / total)

            yield count
    else:
        with _bar() as bar:
            task = bar.add_task(done_words, total=total)
            yield lambda: bar.advance(task)


@contextmanager
def steps_shown(progress: bool) -> Iterator[Show]:
    """A function that shows which step is at work; a step may take half a minute."""
    if not progress:
        yield lambda step: None
    elif in_kernel():
        with NotebookLine() as line:
            yield lambda step: line.show(f"{step} …", at_once=True)
    else:
        with _bar() as bar:
            task = bar.add_task("", total=None)
            yield lambda step: bar.update(task, description=step)


class NotebookLine:
    """A line below the running cell that is renewed, and is gone at the end: nothing of it stays in sight.

    An output that was shown cannot be taken back, but an empty one has no height. A widget's has.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._name = secrets.token_hex(8)
        self._is_shown = False
        self._next = clock() + _QUICK_SECONDS

    def __enter__(self) -> NotebookLine:
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_shown:
            self._publish({"text/plain": ""})

    def show(self, label: str, fraction: float | None = None, *, at_once: bool = False) -> None:
        """Say this from now on, with a bar up to `fraction` (0 to 1); what changes too fast is left out."""
        now = self._clock()
        if now < self._next and not at_once:
            return
        self._next = now + _BEAT_SECONDS
        self._publish({"text/plain": label, "text/html": str(progress_html(label, fraction))})

    def _publish(self, data: dict[str, Any]) -> None:
        # What IPython.display.display does, which is not for this layer to load.
        ipython_shell().display_pub.publish(
            data=data, metadata={}, transient={"display_id": self._name}, update=self._is_shown
        )
        self._is_shown = True


def _bar() -> Progress:
    from rich.console import Console
    from rich.progress import Progress

    console = Console()
    return Progress(console=console, transient=True, disable=not console.is_terminal)
