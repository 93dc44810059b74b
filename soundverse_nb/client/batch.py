"""Many remixes at once: results in the order of the requests, and one failure stops no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from soundverse_nb.client.making import make_remix, told
from soundverse_nb.client.undisturbed import undisturbed
from soundverse_nb.client.wanted import Wanted, Wish
from soundverse_nb.client.watching import Audience
from soundverse_nb.displays import Phase
from soundverse_nb.errors import SoundverseError, Spent, bare
from soundverse_nb.remix import Remix

if TYPE_CHECKING:
    from soundverse_nb.client.engine import Engine


async def make_one(engine: Engine, wanted: Wanted, audience: Audience) -> Remix:
    """One remix with its display. Raises what went wrong, or that it was stopped from the display."""
    (result,) = await make_all(engine, [wanted], audience)
    if isinstance(result, SoundverseError):
        raise result
    return result


async def make_all(
    engine: Engine, wishes: Sequence[Wish], audience: Audience
) -> list[Remix | SoundverseError]:
    """All of them with one display. One that is stopped from there counts as an error; the rest goes on."""
    titles = [wish.title if isinstance(wish, Wanted) else "" for wish in wishes]
    async with stage(engine, titles, audience) as tasks:
        for at, wish in enumerate(wishes):
            tasks.append(asyncio.ensure_future(_outcome(engine, wish, audience, at)))
        if tasks:
            await asyncio.wait(tasks)
        return [stopped(audience, at) if task.cancelled() else task.result() for at, task in enumerate(tasks)]


@asynccontextmanager
async def stage(
    engine: Engine, titles: list[str], audience: Audience
) -> AsyncIterator[list[asyncio.Future[Any]]]:
    """A display, and the tasks its buttons stop: up before anything else happens, down when all is over."""
    tasks: list[asyncio.Future[Any]] = []
    whole = asyncio.current_task()
    loop = asyncio.get_running_loop()

    def cancel(index: int | None) -> None:
        loop.call_soon_threadsafe(cancel_here, index)

    def cancel_here(index: int | None) -> None:
        for task in tasks if index is None else tasks[index : index + 1]:
            task.cancel()
        if not tasks and whole is not None:
            whole.cancel()

    audience.open(titles, cancel)
    try:
        await engine.open()
        audience.simulated = engine.service.simulated
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        try:
            if tasks:
                await undisturbed(asyncio.wait(tasks))
        finally:
            audience.close()


async def _outcome(engine: Engine, wish: Wish, audience: Audience, index: int) -> Remix | SoundverseError:
    if isinstance(wish, SoundverseError):
        audience.tell(index, Phase.FAILED, {"message": str(wish)})
        return wish
    try:
        return await make_remix(engine, wish, audience.seat(index))
    except SoundverseError as error:
        return bare(error)
    except Exception as surprise:
        # A bug in one of a hundred must not lose the other ninety-nine. Once planned, `make_remix` tells.
        failed = told(surprise, None)
        audience.tell(index, Phase.FAILED, {"message": str(failed)})
        return failed


def stopped(audience: Audience, index: int) -> SoundverseError:
    words = audience.words_for(index)
    return SoundverseError(
        "This remix was stopped.", spent=Spent.NO if words is None else Spent.MAYBE, hint=words or ""
    )
