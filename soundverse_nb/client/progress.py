"""Progress of a batch of remixes, reported to a display that may fail without disturbing them.

A display that fails is left alone from then on; the remixes go on.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from soundverse_nb import displays
from soundverse_nb.api.secrets import logger
from soundverse_nb.cancellation import contained
from soundverse_nb.client.journal.order import PICK_UP, Order, OrderState
from soundverse_nb.displays import Phase, ProgressDisplay, ProgressUpdate, ipython_shell
from soundverse_nb.errors import (
    ConfigurationError,
    PendingCall,
    SoundverseError,
    Spent,
    short_traceback,
)
from soundverse_nb.remix import RemixList
from soundverse_nb.remix.take_names import take_titles
from soundverse_nb.render.summary import cost_label

E = TypeVar("E", bound=BaseException)
T = TypeVar("T")

log = logger("soundverse_nb.client")


class ProgressReporter:
    """The display of one batch, or nobody."""

    def __init__(self, display: ProgressDisplay | None, price: float | None = None) -> None:
        self._display = display
        self._price = price
        self.is_stopped = False  # the whole batch, from its display
        self.simulated = False
        self.opened = threading.Event()
        self._answers: dict[object, asyncio.Future[Any]] = {}
        self._unseen = 0  # notices without a display
        self._said: set[str] = set()
        self._orders: dict[int, Callable[[], Order]] = {}
        self.results: Callable[[], RemixList] = RemixList
        """What there is so far: remixes, and errors in the places of the rest."""

    @property
    def has_display(self) -> bool:
        return self._display is not None

    def record_order(self, index: int, order: Callable[[], Order]) -> None:
        """Which order the remix at this place is; called, it says how the order stands."""
        self._orders[index] = order

    def order(self, index: int) -> Order | None:
        """How the order of the remix at this place stands; None where there is none."""
        order = self._orders.get(index)
        return None if order is None else order()

    def kept_message(self, index: int) -> str | None:
        """How a remix that is no longer followed can be picked up; None where there is nothing to pick up."""
        order = self.order(index)
        return None if order is None else kept_message(order)

    def interrupted(self, error: E) -> E:
        """The interrupt, which now says what is finished, what is kept and what was never sent.

        It keeps its class, by which others know it, and gets `results`. Where IPython does not show it,
        it is printed too: `asyncio.run` raises one of its own in its place.
        """
        results = self.results()
        message = self.stopped_message()
        error.args = (message,)
        if message != _NOTHING_BEGUN and not _is_shown_by_ipython():
            displays.notice(message)
        error.results = results  # type: ignore[attr-defined]
        error._render_traceback_ = lambda: short_traceback(error)  # type: ignore[attr-defined]
        return error

    async def once(self, key: object, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer to a question that every remix of the batch has: it is asked a single time."""
        if key not in self._answers:
            self._answers[key] = asyncio.ensure_future(ask())
            self._answers[key].add_done_callback(lambda done: done.cancelled() or done.exception())
        return cast("T", await asyncio.shield(self._answers[key]))

    def notice(self, index: int, message: str) -> None:
        """Something worth knowing of this remix that stops nothing; printed where there is no display.

        What is said of several remixes of a batch in the same words is said once.
        """
        if message in self._said:
            return
        self._said.add(message)
        if self._display is not None:
            self.report(index, Phase.CHECKING, {"message": message, "notice": message})
            return
        self._unseen += 1
        if self._unseen <= _MOST_PRINTED:
            displays.notice(message)

    def stopped_message(self, first: str = "Interrupted.") -> str:
        """What became of a batch that was stopped: what is finished, what was sent and may cost, what not."""
        orders = [self._orders[at]() for at in sorted(self._orders)]
        return stopped_message(self.results(), orders, self._price, self.simulated, first)

    def open(self, titles: list[str], cancel: Callable[[int | None], None]) -> None:
        try:
            self._call(lambda display: display.open(titles, cancel))
        finally:
            self.opened.set()

    def close(self) -> None:
        if self._unseen > _MOST_PRINTED:
            displays.notice(f"the same holds of {self._unseen - _MOST_PRINTED} more.")
        self._unseen = 0
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
            with contained():
                act(self._display)
        except Exception as error:  # a display may raise anything; the remix goes on
            self._display = None
            log.warning("The progress display failed and was left alone: %s", type(error).__name__)


def _is_shown_by_ipython() -> bool:
    """Not where the call is a task of its own: asyncio.gather may raise an error of its own for many."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        task = None
    is_own_task = task is not None and isinstance(task.get_coro(), PendingCall)
    return ipython_shell() is not None and not is_own_task


class StoppedError(SoundverseError):
    """A remix that was stopped before its end, by its button or with its whole batch."""

    usual_hint = ""


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


def order_name(order: Order) -> str:
    """The song and the prompt of an order, as it is named in sentences."""
    return take_titles([order.asked])[0] or order.order_id


def kept_message(order: Order) -> str | None:
    """How an order that is no longer followed can be picked up; None where there is nothing to pick up."""
    named = f"Order {order.order_id} ({order_name(order)})"
    if order.state in _KEPT:
        return f"{named} is no longer watched. {PICK_UP}"
    if order.state in _UNCLEAR:
        return f"{named} {_UNCLEAR_HINT}"
    return None


_KEPT = (OrderState.ACCEPTED, OrderState.COMPLETED)
_UNCLEAR = (OrderState.SENDING, OrderState.UNKNOWN)
_UNCLEAR_HINT = (
    "was interrupted before the service named it: it may have been paid for. "
    "It is kept in client.orders() and is not sent again."
)
_NOTHING_BEGUN = "Interrupted."
_MOST_NAMED = 12
_MOST_PRINTED = 3


def stopped_message(
    results: list[Any],
    orders: list[Order],
    price: float | None = None,
    simulated: bool = False,
    first: str = _NOTHING_BEGUN,
) -> str:
    """What became of remixes that were stopped: which are finished, kept, unclear, and which never sent.

    `price` is what one costs; `first` is the sentence before all that.
    """
    finished = sum(not isinstance(result, BaseException) for result in results)
    kept = [order for order in orders if order.state in _KEPT]
    unclear = [order for order in orders if order.state in _UNCLEAR]
    lines = [first]
    if finished:
        where = "client.interrupted" if first == _NOTHING_BEGUN else "job.results"
        lines.append(f"{finished} of {len(results)} finished before: `{where}` has what there is.")
    if kept:
        cost = cost_label(len(kept), price, simulated)
        lines.append(
            f"{len(kept)} sent, which may be charged{cost}, and kept: `await client.recover()` picks up "
            f"{_list(kept)}, also from a new kernel."
        )
    if unclear:
        cost = cost_label(len(unclear), price, simulated)
        lines.append(
            f"{len(unclear)} sent and not yet named by the service, which may have been paid for{cost}: "
            f"{_list(unclear)}. Nothing is sent again; client.orders() says how it ends."
        )
    if unsent := sum(isinstance(each, StoppedError) and each.spent is Spent.NO for each in results):
        lines.append(f"{unsent} not sent: nothing is paid for {'it' if unsent == 1 else 'them'}.")
    return " ".join(lines)


def _list(orders: list[Order]) -> str:
    named = [f"{order.order_id} ({order_name(order)})" for order in orders[:_MOST_NAMED]]
    more = [f"{len(orders) - _MOST_NAMED} more in client.orders()"] if len(orders) > _MOST_NAMED else []
    return ", ".join([*named, *more])


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
            with contained():
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
