"""Output of the commands: JSON for programs on standard output, notices for people beside it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections.abc import Iterator
from typing import Any


def print_json(value: Any) -> None:
    """One value for a program; what JSON does not know is written as text."""
    print(json.dumps(value, ensure_ascii=False, indent=2, default=str))


@contextlib.contextmanager
def notices_aside() -> Iterator[None]:
    """What a client says of itself goes to standard error, so that the output is the result alone."""
    with contextlib.redirect_stdout(sys.stderr):
        yield


def wants_colours() -> bool:
    """Whether standard output is a terminal whose user has not said no (https://no-color.org)."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and sys.stdout.isatty()


def never_fail_at_printing() -> None:
    """A character that a terminal lacks gets a stand-in; an output that was closed takes everything."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - until the end
        elif isinstance(stream, io.TextIOWrapper):
            with contextlib.suppress(OSError, ValueError):
                stream.reconfigure(errors="replace")


def give_up_output() -> None:
    """Nothing more can be written, and Python must not try when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
