from __future__ import annotations

import io

from rich.console import Console

from soundverse_nb.displays import Phase, ProgressUpdate
from soundverse_nb.remix.take_names import Asked, take_titles
from soundverse_nb.widgets.terminal import TerminalBoard


def board_on(width: int = 120) -> tuple[TerminalBoard, Console]:
    console = Console(file=io.StringIO(), width=width, height=40, color_system=None)
    return TerminalBoard(0.2, console=console, clock=lambda: 0.0), console


def drawn(console: Console, board: TerminalBoard) -> str:
    with console.capture() as capture:
        console.print(board.picture())
    return capture.get()


def test_each_active_remix_is_a_line() -> None:
    board, console = board_on(160)
    board.open(["first", "second", "third"], lambda _: None)
    board.update(ProgressUpdate(0, Phase.STREAMING, "streaming", 40.0))
    board.update(ProgressUpdate(1, Phase.STREAMING, "streaming", 90.0))
    lines = drawn(console, board).splitlines()
    board.close()
    assert "0 of 3 finished · 2 active · 1 waiting" in lines[0]
    assert "first" in lines[1]
    assert "generating 40 %" in lines[1]
    assert "this is expected" in lines[2]
    assert "third" not in "".join(lines)


def test_many_streams_do_not_flood_the_screen() -> None:
    board, console = board_on()
    board.open([f"song {i}" for i in range(100)], lambda _: None)
    for i in range(100):
        board.update(ProgressUpdate(i, Phase.STREAMING, "queued"))
    text = drawn(console, board)
    board.close()
    assert len(text.splitlines()) <= 15
    assert "and 88 more active" in text


def test_a_summary_and_the_failures_remain() -> None:
    board, console = board_on()
    board.open(["a [bold]", "b"], lambda _: None)
    board.update(ProgressUpdate(0, Phase.FAILED, message="It broke \x1b[2J. Nothing was paid."))
    board.update(ProgressUpdate(1, Phase.FINISHED, simulated=True))
    board.close()
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "✗ a [bold]: It broke  [2J. Nothing was paid." in text
    assert "1 of 2 finished · 1 failed in 0.0 s · 0.20 had it been real · simulated" in text


def test_no_line_wraps_however_narrow_the_terminal() -> None:
    for width in (40, 60, 80):
        board, console = board_on(width)
        board.open(["a song with a long name · " + "a long prompt " * 9] * 3, lambda _: None)
        for at in range(3):
            board.update(ProgressUpdate(at, Phase.STREAMING, "streaming", 90.0))
        lines = drawn(console, board).splitlines()
        board.close()
        assert len(lines) == 4, "a headline and a line for each"
        assert all(len(line) <= width for line in lines)
        assert all("final" in line for line in lines[1:])


def test_remixes_of_one_song_are_told_apart_by_their_prompts_in_80_columns() -> None:
    board, console = board_on(80)
    asked = [Asked("a song with quite a long name", prompt) for prompt in ("house", "slow waltz", "metal")]
    board.open(list(take_titles(asked)), lambda _: None)
    for at in range(3):
        board.update(ProgressUpdate(at, Phase.STREAMING, "uploading_reference", 5.0))
    lines = drawn(console, board).splitlines()[1:]
    board.close()
    assert [line.split("  ")[0] for line in lines] == ["house", "slow waltz", "metal"]


def test_what_was_cancelled_says_what_it_may_cost() -> None:
    board, console = board_on()
    board.open(["a"], lambda _: None)
    board.update(ProgressUpdate(0, Phase.CHECKING, notice="There is one already."))
    board.update(ProgressUpdate(0, Phase.CANCELLED, may_be_charged=True))
    board.close()
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "There is one already." in text
    assert (
        "1 of the cancelled was sent and may be charged (0.20): await client.recover() picks it up." in text
    )
