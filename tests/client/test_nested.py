"""Which nested-loop variant is safe where: decided by table, and tried in processes of their own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from soundverse_nb.client.nested import Surroundings, choose
from soundverse_nb.errors import ConfigurationError

BOTH = {"nest_asyncio": (1, 6, 0), "nest_asyncio2": (1, 7, 4)}


@pytest.mark.parametrize(
    ("found", "chosen"),
    [
        (Surroundings(kernel=(6, 29, 5), **BOTH), "nest_asyncio"),
        (Surroundings(kernel=(6, 29, 5), nest_asyncio2=(1, 7, 4)), "nest_asyncio2"),
        (Surroundings(kernel=(7, 0, 0), **BOTH), "nest_asyncio2"),
        (Surroundings(kernel=(7, 4, 0), **BOTH), "nest_asyncio2"),
        (Surroundings(kernel=(8,), nest_asyncio2=(2, 0)), "nest_asyncio2"),
        (Surroundings(kernel=None, **BOTH), "nest_asyncio2"),
        (Surroundings(kernel=None, nest_asyncio=(1, 6, 0)), "nest_asyncio"),
        # Asking again, or after somebody else: what is applied stays.
        (Surroundings(kernel=(7, 4, 0), applied="nest_asyncio2", **BOTH), "nest_asyncio2"),
        (Surroundings(kernel=(6, 29, 5), applied="nest_asyncio", **BOTH), "nest_asyncio"),
        (Surroundings(kernel=None, applied="nest_asyncio", **BOTH), "nest_asyncio"),
    ],
)
def test_the_safe_variant_is_chosen(found: Surroundings, chosen: str) -> None:
    assert choose(found) == chosen


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (Surroundings(kernel=(7, 4, 0), applied="nest_asyncio", **BOTH), "drops queued cells"),
        (Surroundings(kernel=(7, 0, 0), nest_asyncio=(1, 6, 0)), "only nest_asyncio2"),
        (
            Surroundings(kernel=(7, 0, 0), nest_asyncio=(1, 6, 0), nest_asyncio2=(1, 7, 3)),
            "only nest_asyncio2",
        ),
        (Surroundings(kernel=(7, 4, 0), loop="uvloop.Loop", **BOTH), "uvloop"),
        (Surroundings(kernel=(6, 29), loop="uvloop.EventLoopPolicy", **BOTH), "uvloop"),
        (Surroundings(kernel=(7, 4, 0)), "only nest_asyncio2"),
        (Surroundings(kernel=None), "Neither"),
    ],
)
def test_where_none_is_safe_it_refuses_with_the_reason(found: Surroundings, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason) as refused:
        choose(found)
    assert refused.value.hint


def run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", program],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_it_nests_and_says_which_and_may_be_asked_again() -> None:
    assert (
        run(
            "import asyncio, soundverse_nb as sv\n"
            "async def inner(): return 'nested'\n"
            "async def outer():\n"
            "    first, second = sv.enable_nested(), sv.enable_nested()\n"
            "    assert first == second\n"
            "    print(first, asyncio.get_running_loop().run_until_complete(inner()))\n"
            "asyncio.run(outer())\n"
        )
        == "nest_asyncio2 nested"
    )


def test_in_a_modern_kernel_an_older_patch_is_refused() -> None:
    assert "drops queued cells" in run(
        "import asyncio, ipykernel, nest_asyncio, soundverse_nb as sv\n"
        "async def main():\n"
        "    nest_asyncio.apply()\n"
        "    try: sv.enable_nested()\n"
        "    except sv.ConfigurationError as error: print(error)\n"
        "if int(ipykernel.__version__.split('.')[0]) < 7: print('drops queued cells')\n"
        "else: asyncio.run(main())\n"
    )


def test_asking_changes_nothing_when_it_is_refused() -> None:
    assert (
        run(
            "import asyncio, soundverse_nb as sv\n"
            "from soundverse_nb.client import nested\n"
            "nested.surroundings = lambda: nested.Surroundings(loop='uvloop.Loop', nest_asyncio2=(1, 7, 4))\n"
            "try: sv.enable_nested()\n"
            "except sv.ConfigurationError: print(hasattr(asyncio, '_nest_patched'))\n"
        )
        == "False"
    )
