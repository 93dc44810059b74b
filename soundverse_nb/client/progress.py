"""Progress of a batch of remixes, reported to a display that may fail without disturbing them.

A display that fails is left alone from then on; the remixes go on.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from soundverse_nb import displays
from soundverse_nb.api.secrets import logger
from soundverse_nb.client.journal.order import PICK_UP, Order, OrderState
from soundverse_nb.displays import Phase, ProgressDisplay, ProgressUpdate
from soundverse_nb.errors import ConfigurationError
from soundverse_nb.render.escape import plain

log = logger("soundverse_nb.client")


class ProgressReporter:
    """The display of one batch, or nobody."""

    def __init__(self, display: ProgressDisplay | None) -> None:
        self._display = display
        self.simulated = False
        self.opened = threading.Event()
        self._orders: dict[int, Order] = {}

    @property
    def has_display(self) -> bool:
        return self._display is not None

    def record_order(self, index: int, order: Order) -> None:
        """How an order stood when it was last followed."""
        self._orders[index] = order

    def kept_message(self, index: int) -> str | None:
        """How a remix that is no longer followed can be picked up; None where there is nothing to pick up."""
        order = self._orders.get(index)
        return None if order is None else kept_message(order)

    def print_kept_orders(self) -> None:
        """An interrupted cell prints how its orders can be picked up again."""
        for index in sorted(self._orders):
            message = self.kept_message(index)
            if message:
                print(message, file=sys.stderr)

    def open(self, titles: list[str], cancel: Callable[[int | None], None]) -> None:
        try:
            self._call(lambda display: display.open(titles, cancel))
        finally:
            self.opened.set()

    def close(self) -> None:
        self._call(lambda display: display.close())

    def slot(self, index: int) -> ProgressSlot:
        """Where the remix at this place of the batch reports to."""
        return ProgressSlot(self, index)

    def report(self, index: int, phase: Phase, facts: dict[str, Any]) -> None:
        if self._display is not None:
            update = ProgressUpdate(index, phase, simulated=self.simulated, **facts)
            self._call(lambda display: display.update(update))

    def _call(self, act: Callable[[ProgressDisplay], None]) -> None:
        if self._display is None:
            return
        try:
            act(self._display)
        except Exception as error:  # a display may raise anything; the remix goes on
            self._display = None
            log.warning("The progress display failed and was left alone: %s", type(error).__name__)


@dataclass(frozen=True)
class ProgressSlot:
    """One remix's place in the display of its batch."""

    reporter: ProgressReporter
    index: int

    @property
    def is_watched(self) -> bool:
        return self.reporter.has_display

    def report(self, phase: Phase, **facts: Any) -> None:
        """`facts` are the fields of ProgressUpdate: stage, progress, message, retry_in, song_name."""
        self.reporter.report(self.index, phase, facts)


def kept_message(order: Order) -> str | None:
    """How an order that is no longer followed can be picked up; None where there is nothing to pick up."""
    named = f"Order {order.order_id} ({plain(order.title, 80)})"
    if order.state in (OrderState.ACCEPTED, OrderState.COMPLETED):
        return f"{named} is no longer watched. {PICK_UP}"
    if order.state is OrderState.UNKNOWN:
        return (
            f"{named} was interrupted before the service named it: it may have been paid for. "
            "It is kept in client.orders() and is not sent again."
        )
    return None


def find_display(setting: bool | ProgressDisplay, price: float | None = None) -> ProgressDisplay | None:
    """The display for one batch: none for False, the front end's own for True, else the one given.

    `price` is what one accepted order costs; the front end's display then says what was spent.
    Raises ConfigurationError for anything that is no display.
    """
    if setting is False:
        return None
    if setting is True:
        factory = displays.lookup("progress")
        if factory is None:
            return None
        try:
            made: ProgressDisplay | None = factory() if price is None else factory(price=price)
        except Exception as error:  # a front end may raise anything; the remix goes on
            log.warning("There is no progress display here: %s", type(error).__name__)
            return None
        return made
    if all(callable(getattr(setting, name, None)) for name in ("open", "update", "close")):
        return setting
    raise ConfigurationError(
        f"progress={type(setting).__name__} is no display.",
        hint="Give True, False, or an object with open, update and close.",
    )
