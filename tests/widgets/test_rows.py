from __future__ import annotations

from collections.abc import Sequence

import pytest

from soundverse_nb.widgets.rows import assign_rows


@pytest.mark.parametrize(
    ("slots", "active", "most", "after"),
    [
        ([], [4, 5, 6], 2, [4, 5]),
        ([4, 5], [5, 6], 2, [6, 5]),
        ([4, 5], [5], 3, [None, 5]),
        ([4, 5], [], 3, [None, None]),
        ([4], [4, 7, 8, 9], 3, [4, 7, 8]),
        ([4, 5, 6], [6], 2, [6, None]),
        ([None, 5], [2, 5], 2, [2, 5]),
    ],
)
def test_who_has_a_row_keeps_it_and_the_others_queue(
    slots: Sequence[int | None], active: Sequence[int], most: int, after: list[int | None]
) -> None:
    assert assign_rows(slots, active, most) == after
