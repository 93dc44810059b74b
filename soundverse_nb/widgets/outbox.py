"""How many messages the board may send in one beat, and who is served first.

Every change of a widget is a message to the browser. A batch of 500 streams changes hundreds of things a
second, so each beat has a small allowance; what does not fit is sent as it stands in one of the next beats.
"""

from __future__ import annotations

from typing import Any

PER_BEAT = 22
"""Times four beats a second: 88 messages, below the hundred a second the board allows itself."""


class Outbox:
    """Changes widgets as long as the beat's allowance lasts."""

    def __init__(self, per_beat: int = PER_BEAT) -> None:
        self._per_beat = per_beat
        self.left = per_beat

    def begin(self) -> None:
        """A new beat, a new allowance."""
        self.left = self._per_beat

    def set(self, widget: Any, **traits: Any) -> bool:
        """Give the widget these values in one message; False where the allowance is used up.

        Values it has already cost nothing.
        """
        changed = {name: value for name, value in traits.items() if getattr(widget, name) != value}
        if not changed:
            return True
        if self.left <= 0:
            return False
        self.left -= 1
        with widget.hold_sync():
            for name, value in changed.items():
                setattr(widget, name, value)
        return True

    def spend(self, messages: int) -> bool:
        """Take that many messages from the allowance for something new; False, none taken, if too many."""
        if messages > self.left:
            return False
        self.left -= messages
        return True
