"""What comes back: the remix, its audio and its story, as one object that shows itself."""

from __future__ import annotations

from soundverse_nb.remix.clip import Clip

__all__ = ["Clip"]
