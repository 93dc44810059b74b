"""Progress of a check or a repair, in a notebook or a terminal; nothing where the output is a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress  # takes a tenth of a second to load

Show = Callable[[str], None]
"""Says what is being done from now on."""


@contextmanager
def counter(progress: bool | Callable[[int, int], None], total: int) -> Iterator[Callable[[], None]]:
    """A function to call for each song that is done, which reports the progress where that is wanted."""
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
    else:
        with _bar() as bar:
            task = bar.add_task("preflight", total=total)
            yield lambda: bar.advance(task)


@contextmanager
def steps_shown(progress: bool) -> Iterator[Show]:
    """A function that shows which step is at work; a step may take half a minute."""
    if not progress:
        yield lambda step: None
        return
    with _bar() as bar:
        task = bar.add_task("", total=None)
        yield lambda step: bar.update(task, description=step)


def _bar() -> Progress:
    from rich.console import Console
    from rich.progress import Progress

    console = Console()
    return Progress(console=console, transient=True, disable=not (console.is_terminal or console.is_jupyter))
