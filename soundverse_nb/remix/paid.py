"""The audio of a remix: a clip whose errors know that it was paid for, and how it is fetched again."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from soundverse_nb.errors import PreflightError, SoundverseError, Spent, raise_alone
from soundverse_nb.remix.clip import Clip

T = TypeVar("T")


class PaidClip(Clip):
    """A Clip of what the service made.

    `spent` is what an error about it has to say of money; `order_id` names the order that it was fetched for,
    None where it came from elsewhere.
    """

    __slots__ = ("order_id", "spent")
    spent: Spent
    order_id: str | None

    def __init__(
        self, path: str | os.PathLike[str] | Clip, spent: Spent = Spent.YES, order_id: str | None = None
    ) -> None:
        super().__init__(path)
        object.__setattr__(self, "spent", spent)
        object.__setattr__(self, "order_id", order_id)

    def __reduce__(self) -> tuple[Any, ...]:
        return PaidClip, (str(self.path), self.spent, self.order_id)

    def samples(self, start: float = 0.0, duration: float | None = None) -> Any:
        try:
            return super().samples(start, duration)
        except SoundverseError as reason:
            error = reason
        self._tell(error, error.hint)

    def fingerprint(self) -> tuple[str, int, int]:
        try:
            return super().fingerprint()
        except SoundverseError as reason:
            error = reason
        again = " It is fetched again by client.recover()." if self.order_id else ""
        self._tell(error, f"Was it moved or deleted?{again}")

    def _read(self, look: Callable[..., T], *wanted: Any) -> T:
        try:
            return super()._read(look, *wanted)
        except PreflightError as reason:
            error = reason
        again = f"Delete {self.path}, then client.recover() fetches it again." if self.order_id else ""
        self._tell(error, again or "Take another copy of it.")

    def _tell(self, error: SoundverseError, hint: str) -> NoReturn:
        """The same error, without the words for a song that was not sent yet."""
        details = {**error._details, "order_id": self.order_id}
        raise_alone(type(error)(error.message, spent=self.spent, hint=hint, **details))
