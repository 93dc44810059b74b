"""Several songs side by side, as a page that needs nothing alive behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from soundverse_nb.remix.clip import Clip

if TYPE_CHECKING:
    from soundverse_nb.remix.show import Song


@dataclass(frozen=True)
class Comparison:
    """Songs above one another on one time axis, each with its player.

    `labels` has one name a clip.
    """

    clips: tuple[Clip, ...]
    labels: tuple[str, ...]
    title: str = "Comparison"

    def static_html(self, max_bytes: int | None = None) -> str:
        """The comparison as HTML of at most `max_bytes` (default: remix.limit.display_bytes())."""
        from soundverse_nb.remix.show import clips_html

        return clips_html(self._songs(), self.title, max_bytes)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        from soundverse_nb.remix.show import clips_bundle

        return clips_bundle(self._songs(), self.title)

    def _songs(self) -> list[Song]:
        from soundverse_nb.remix.show import COLOURS, Song

        return [
            Song(label, clip, COLOURS[i % len(COLOURS)])
            for i, (label, clip) in enumerate(zip(self.labels, self.clips, strict=True))
        ]
