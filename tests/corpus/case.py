"""One file of the corpus and what is known of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Case:
    """A file under test.

    `group` is its flavour of difficulty: plain, boundary, size, truncated, lying, chained, streamed, bomb,
    junk or name. `is_sound` says that nothing is wrong with it but, perhaps, its length or size.
    """

    path: Path
    group: str
    is_sound: bool = False


@dataclass(frozen=True)
class Recipe:
    """How a file is made: its name, its group, and what writes it to a path."""

    name: str
    group: str
    write: Callable[[Path], object]
    is_sound: bool = False

    @property
    def label(self) -> str:
        """The group and the name, printable, for a test's title."""
        return f"{self.group}/{ascii(self.name)[1:-1][:60]}"
