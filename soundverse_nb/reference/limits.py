"""What the service takes: the numbers of its document."""

from __future__ import annotations

import math
from dataclasses import dataclass

from soundverse_nb.errors import ConfigurationError


@dataclass(frozen=True)
class Limits:
    """The service's limits on a reference; both ends are inclusive.

    Source: the document of /v7/generate/remix ("max 10 MB, 10-350 s"; its error names 10485760 bytes).
    Within `borderline_seconds` of a duration limit the service's own count may differ from ours, because
    encoders pad and decoders trim; the report then says so.
    """

    max_bytes: int = 10_485_760
    min_seconds: float = 10.0
    max_seconds: float = 350.0
    borderline_seconds: float = 0.05

    def __post_init__(self) -> None:
        numbers = (self.max_bytes, self.min_seconds, self.max_seconds, self.borderline_seconds)
        if not all(math.isfinite(n) and n >= 0 for n in numbers) or self.min_seconds > self.max_seconds:
            raise ConfigurationError(
                f"{self} are no limits.", hint="Give numbers from 0 upwards, min_seconds at most max_seconds."
            )
