"""The outcome of a batch, as it is told and kept."""

from __future__ import annotations

from soundverse_nb.displays import Phase
from soundverse_nb.render.summary import Outcome, summary_html, summary_text
from soundverse_nb.render.units import span
from soundverse_nb.widgets.batch import Batch, Standing, Tally


class Summary:
    """What stays in the saved notebook: one line of text, and the same as a small page."""

    def __init__(self, line: str, page: str) -> None:
        self._bundle = {"text/plain": line, "text/html": page}

    def __repr__(self) -> str:
        return self._bundle["text/plain"]

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return self._bundle


def summarise(batch: Batch) -> tuple[str, str]:
    """The summary of a batch that is over, as a line and as a page."""
    tally, now = batch.tally(), batch.now()
    outcomes = [outcome(standing, now) for standing in batch.standings()]
    return (
        summary_text(outcomes, tally.seconds),
        summary_html(outcomes, tally.seconds, tally.spent, tally.simulated),
    )


def outcome(standing: Standing, now: float = 0.0) -> Outcome:
    """One remix's end; whatever is neither finished nor failed is no longer watched, "cancelled"."""
    kind = standing.phase.value if standing.phase in (Phase.FINISHED, Phase.FAILED) else "cancelled"
    return Outcome(standing.title, kind, standing.seconds(now), standing.message or "")


def time_words(tally: Tally) -> str:
    """How long it took so far, and about how long it will take yet."""
    so_far = _whole(tally.seconds)
    if not tally.eta:
        return so_far
    coarse = max(1.0, tally.eta) if tally.eta < 60 else 5 * round(tally.eta / 5)
    return f"{so_far}, about {_whole(coarse)} to go"


def _whole(seconds: float) -> str:
    """Whole seconds: a text that changes four times a second is four messages a second."""
    return f"{int(seconds)} s" if seconds < 10 else span(int(seconds))
