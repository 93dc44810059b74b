"""What a probe answers: the facts a header proves, or why it proves nothing."""

from __future__ import annotations

from typing import NamedTuple


class Probed(NamedTuple):
    """Facts read from a file's head and tail that its bytes do not contradict.

    `duration` in seconds as a full decode would count it, `sample_rate` in hertz, `format` the container
    ("wav", "aiff", "flac", "ogg", "mp3", "mp4"), `codec` by FFmpeg's names ("pcm_s16le", "vorbis", ...),
    `lead` the bytes before the song that do not belong to it.
    """

    format: str
    codec: str
    sample_rate: int
    channels: int
    duration: float
    lead: int = 0


class Untrusted(NamedTuple):
    """The header cannot be believed, or nobody here reads it: only a decode tells.

    `reason` is a sentence for the user, `format` what the first bytes look like (None where unknown).
    """

    reason: str
    format: str | None = None


# Outside these a header is more likely broken than true; a decode settles it.
CHANNELS = range(1, 65)
SAMPLE_RATES = range(1000, 1_000_001)


def implausible(format_name: str, sample_rate: int, channels: int) -> Untrusted | None:
    """A refusal to believe an absurd rate or channel count, or None where both are ordinary."""
    if channels not in CHANNELS:
        return Untrusted(f"The header claims {channels} channels.", format_name)
    if sample_rate not in SAMPLE_RATES:
        return Untrusted(f"The header claims a sample rate of {sample_rate} Hz.", format_name)
    return None
