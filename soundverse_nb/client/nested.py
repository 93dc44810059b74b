"""Nested event loops (nest_asyncio), for those who want `asyncio.run(...)` in a cell.

`await` needs none of this, and neither does `client.remix_sync`. Where it is wanted, the variant matters:
nest_asyncio 1.6.0 (archived) on ipykernel 7 silently drops the cells that Run-All has queued behind one
that nests a loop; its continuation nest_asyncio2 from 1.7.4 on does not. On ipykernel 6, which Colab
has, the first is fine. Neither can patch uvloop.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from dataclasses import dataclass
from importlib import metadata

from soundverse_nb.errors import ConfigurationError

SAFE_ON_KERNEL_7 = (1, 7, 4)
"""First release of nest_asyncio2 measured to keep queued cells on ipykernel 7."""

_AWAIT = "Use `await client.remix(...)`, or client.remix_sync(...): neither needs a nested loop."


@dataclass(frozen=True)
class Surroundings:
    """What decides. Versions are tuples of numbers, None where that package is not there.

    `kernel` is the version of the ipykernel this process runs in, `applied` the variant somebody has
    already applied ("nest_asyncio", "nest_asyncio2" or None), `loop` the running loop's class and module.
    """

    kernel: tuple[int, ...] | None = None
    nest_asyncio: tuple[int, ...] | None = None
    nest_asyncio2: tuple[int, ...] | None = None
    applied: str | None = None
    loop: str = "asyncio.unix_events._UnixSelectorEventLoop"


def choose(found: Surroundings) -> str:
    """Which variant is safe here, by name; ConfigurationError with the reason where none is."""
    if found.loop.startswith("uvloop"):
        raise ConfigurationError("uvloop cannot be nested: neither variant can patch it.", hint=_AWAIT)
    modern = found.kernel is not None and found.kernel >= (7,)
    if modern and found.applied == "nest_asyncio":
        raise ConfigurationError(
            "nest_asyncio was already applied in this kernel, and on ipykernel 7 or later it drops "
            "queued cells; applying nest_asyncio2 after it does not change that.",
            hint=f"Restart the kernel without it. {_AWAIT}",
        )
    if found.applied is not None:
        return found.applied
    if modern:
        if found.nest_asyncio2 is None or found.nest_asyncio2 < SAFE_ON_KERNEL_7:
            raise ConfigurationError(
                "On ipykernel 7 or later only nest_asyncio2 >= 1.7.4 keeps queued cells, and it is not "
                "installed.",
                hint=f"pip install 'nest-asyncio2>=1.7.4' and restart the kernel. {_AWAIT}",
            )
        return "nest_asyncio2"
    # Before ipykernel 7 the first is what the field has run for years; elsewhere the maintained one.
    preferred = ("nest_asyncio", "nest_asyncio2") if found.kernel else ("nest_asyncio2", "nest_asyncio")
    for name in preferred:
        if getattr(found, name) is not None:
            return name
    raise ConfigurationError(
        "Neither nest_asyncio2 nor nest_asyncio is installed.", hint="pip install nest-asyncio2"
    )


def enable_nested() -> str:
    """Let `asyncio.run(...)` and `run_until_complete` work inside a cell; returns which variant does it.

    Opt-in, and needed for nothing in this package. Calling it again changes nothing. With either variant an
    interrupted cell leaves its request running. Raises ConfigurationError with the reason where no
    variant is safe for this kernel.

    >>> import soundverse_nb as sv
    >>> sv.enable_nested()  # doctest: +SKIP
    'nest_asyncio2'
    """
    name = choose(surroundings())
    importlib.import_module(name).apply()
    return name


def surroundings() -> Surroundings:
    """What this process has."""
    try:
        loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
    except RuntimeError:
        loop = None
    kind = type(loop if loop is not None else asyncio.get_event_loop_policy())
    applied = None
    if hasattr(asyncio, "_nest_patched"):
        applied = "nest_asyncio2" if hasattr(asyncio, "_nest_asyncio2") else "nest_asyncio"
    return Surroundings(
        kernel=_version("ipykernel") if "ipykernel" in sys.modules else None,
        nest_asyncio=_version("nest-asyncio"),
        nest_asyncio2=_version("nest-asyncio2"),
        applied=applied,
        loop=f"{kind.__module__}.{kind.__qualname__}",
    )


def _version(distribution: str) -> tuple[int, ...] | None:
    try:
        text = metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
    numbers = []
    for part in text.split(".")[:3]:
        digits = "".join(ch for ch in part if ch.isdigit())
        numbers.append(int(digits) if digits else 0)
    return tuple(numbers)
