from __future__ import annotations

import io

from soundverse_nb.displays import Phase, ProgressUpdate
from soundverse_nb.widgets.terminal import LineDisplay


def test_a_line_a_change_of_stage() -> None:
    file = io.StringIO()
    lines = LineDisplay(file=file, clock=lambda: 0.0)
    lines.open(["jazz\x1b[2J"], lambda _: None)
    for progress in range(0, 100, 5):
        lines.update(ProgressUpdate(0, Phase.STREAMING, "streaming", float(progress)))
    lines.update(ProgressUpdate(0, Phase.FINISHED))
    lines.close()
    told = file.getvalue().splitlines()
    assert told == [
        "jazz [2J: generating (0.0 s)",
        "jazz [2J: finalising: 90 % can hold for several minutes; this is expected (0.0 s)",
        "jazz [2J: finished (0.0 s)",
        "1 of 1 finished in 0.0 s",
    ]


def test_a_great_batch_is_told_in_twentieths_and_failures() -> None:
    file = io.StringIO()
    lines = LineDisplay(file=file, clock=lambda: 0.0)
    lines.open([f"song {i}" for i in range(500)], lambda _: None)
    for i in range(500):
        for stage in ("queued", "starting", "streaming"):
            lines.update(ProgressUpdate(i, Phase.STREAMING, stage))
        lines.update(
            ProgressUpdate(
                i, Phase.FAILED if i == 7 else Phase.FINISHED, message="It broke." if i == 7 else None
            )
        )
    lines.close()
    told = file.getvalue().splitlines()
    assert len(told) <= 22
    assert "song 7: failed: It broke." in told
    assert told[-1] == "499 of 500 finished · 1 failed in 0.0 s"


def test_a_hint_of_several_lines_is_told_without_gaps() -> None:
    file = io.StringIO()
    lines = LineDisplay(file=file, clock=lambda: 0.0)
    lines.open(["song"], lambda _: None)
    lines.update(
        ProgressUpdate(0, Phase.FAILED, message="Give a host of yours:\n    import a\n\n    client = b")
    )
    assert file.getvalue() == "song: failed: Give a host of yours: import a client = b\n"
