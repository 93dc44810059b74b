"""Memory to work in, kept from one piece of a song to the next."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class Scratch:
    """Arrays by name. Fresh memory comes page by page from the system, which costs more than the sums in it.

    What was taken is overwritten when its name is asked for again; one thread at a time.
    """

    def __init__(self) -> None:
        self._kept: dict[str, NDArray[Any]] = {}

    def array(self, name: str, size: int, dtype: Any = np.float32) -> NDArray[Any]:
        """One dimension, `size` elements of any value."""
        kept = self._kept.get(name)
        if kept is None or kept.size < size:
            kept = self._kept[name] = np.empty(size, dtype)
        return kept[:size]
