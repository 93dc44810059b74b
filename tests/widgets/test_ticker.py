from __future__ import annotations

import contextvars
import threading

from soundverse_nb.widgets.ticker import Ticker

speaking = contextvars.ContextVar("speaking", default="nobody")


def test_it_beats_in_the_context_in_which_it_was_made_and_says_final() -> None:
    heard: list[str] = []
    beaten = threading.Event()
    left = iter([False, False, True])

    def beat() -> None:
        heard.append(speaking.get())
        if len(heard) >= 2:
            beaten.set()

    token = speaking.set("cell 7")
    ticker = Ticker(beat, lambda: next(left), seconds=0.001)
    speaking.reset(token)
    ticker.start()
    assert beaten.wait(60)
    ticker.stop()
    ticker.join(60)
    assert set(heard) == {"cell 7"}
    assert next(left, "all said") == "all said"


def test_a_display_that_breaks_stops_ticking_and_nothing_else() -> None:
    def beat() -> None:
        raise RuntimeError("the browser is gone")

    ticker = Ticker(beat, lambda: True, seconds=0.001)
    ticker.start()
    ticker.join(60)
    assert not ticker._thread.is_alive()
