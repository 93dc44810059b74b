"""What a stage or a phase is called in front of people: one table for notebook, terminal and page."""

from __future__ import annotations

from soundverse_nb.displays import News, Phase

HOLD = "finalising: 90 % can hold for several minutes; this is expected"
"""The document: "progress may hold at 90 for several minutes while the model finalizes and uploads"."""

STAGES = {
    "validating": "request being checked",
    "queued": "in the service's queue",
    "starting": "being prepared",
    "initializing": "model warming up",
    "uploading": "reference going to the model",
    "streaming": "generating",
    "completed": "generated",
    "failed": "failed",
    "unknown": "at work",
}

PHASES = {
    Phase.CHECKING: "checking the reference",
    Phase.PUBLISHING: "giving the reference a URL",
    Phase.WAITING: "waiting for a free place",
    Phase.SENDING: "sending the order",
    Phase.RETRYING: "refused for now, trying again",
    Phase.STREAMING: "at work",
    Phase.FOLLOWING: "stream lost, asking for the status",
    Phase.FETCHING: "fetching the audio",
    Phase.FINISHED: "finished",
    Phase.FAILED: "failed",
    Phase.CANCELLED: "no longer watched; the order is kept",
}


def stage_words(stage: str) -> str:
    """A stage of the service in words; a stage nobody knows yet is called by its own name."""
    return STAGES.get(stage.lower(), stage.replace("_", " "))


def is_held(stage: str | None, progress: float | None) -> bool:
    """Whether the service is in the long quiet stretch near 90 % that looks stuck and is not."""
    return stage == "streaming" and progress is not None and 90 <= progress < 100


def news_words(news: News) -> str:
    """Where a remix is, in one phrase."""
    if news.phase in (Phase.STREAMING, Phase.FOLLOWING) and is_held(news.stage, news.progress):
        return HOLD
    if news.phase is Phase.STREAMING and news.stage == "streaming" and (news.progress or 0) >= 100:
        return "finalising"
    if news.phase is Phase.STREAMING and news.stage:
        return stage_words(news.stage)
    return PHASES[news.phase]
