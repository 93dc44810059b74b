"""Ordering a failed remix anew: only what certainly was not paid for, and each only once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from soundverse_nb.client.inputs import RemixInput
from soundverse_nb.client.journal.order import Order, spent_for
from soundverse_nb.errors import SoundverseError, Spent
from soundverse_nb.remix import RemixList


class Reorder:
    """What it takes to order a failed remix anew.

    `order` says how the failed order stands by now, None where there was none. Whoever holds the same failure
    in another list, or asks twice, does not order twice.
    """

    def __init__(self, remix_input: RemixInput, order: Callable[[], Order | None]) -> None:
        self._input = remix_input
        self._order = order
        self._is_used = False

    @property
    def is_free(self) -> bool:
        """Whether it may be ordered: it was not ordered anew yet, and nothing can have been paid."""
        order = self._order()
        return not self._is_used and (order is None or spent_for(order) is Spent.NO)

    def use(self) -> RemixInput:
        """What to order; from here on it is not free any more."""
        self._is_used = True
        return self._input

    def give_back(self) -> None:
        """It was not ordered after all."""
        self._is_used = False


async def using(
    takes: Sequence[Reorder], order: Callable[[list[RemixInput]], Awaitable[RemixList]]
) -> RemixList:
    """Order these anew. Where that could not even begin they stay free."""
    inputs = [take.use() for take in takes]
    try:
        return await order(inputs)
    except SoundverseError:  # what fails once it has begun is in the list
        for take in takes:
            take.give_back()
        raise


def with_asked(
    error: SoundverseError, remix_input: RemixInput, order: Callable[[], Order | None]
) -> SoundverseError:
    """The error, which now knows what was asked and how to order it anew.

    A copy: remixes of one song that fail together may have one error between them.
    """
    if getattr(error, "asked", None) is not None:
        return error
    asked = replace(remix_input.asked, again=Reorder(remix_input, order))
    details = {**error._details, "asked": asked}
    return type(error)(error.message, spent=error.spent, hint=error.hint, **details)
