from __future__ import annotations

import contextvars
import random
import threading
from typing import Any

import comm
import pytest
from comm.base_comm import BaseComm

from soundverse_nb.displays import Phase, ProgressUpdate
from soundverse_nb.widgets.batch import Summary
from soundverse_nb.widgets.board import NotebookBoard, close_some
from soundverse_nb.widgets.ticker import Ticker
from tests.render.sanitiser import Page

speaking = contextvars.ContextVar("speaking", default="nobody")
"""Stands for what ipykernel keeps of the cell that is running."""


STAY = 7
"""Widgets that a page loaded anew shows at the end: the board, its text, their looks, and their place."""


class Cell:
    """Stands for the browser: a clock, the messages it was sent and when, what the cell shows in the end."""

    def __init__(self) -> None:
        self.now = 0.0
        self.sent: list[tuple[float, str]] = []
        self.shown: Any = None
        self.cancelled: list[int | None] = []

    def show(self, thing: Any) -> Cell:
        self.shown = thing
        return self

    update = show

    def board(self, count: int, price: float | None = None, **how: Any) -> NotebookBoard:
        board = NotebookBoard(price, clock=lambda: self.now, show=self.show, ticking=False, **how)
        board.open([f"song {i} <b>" for i in range(count)], self.cancelled.append)
        return board

    def beat(self, board: NotebookBoard, times: int = 1) -> None:
        for _ in range(times):
            self.now += 0.25
            board.beat()


@pytest.fixture
def cell(monkeypatch: pytest.MonkeyPatch) -> Cell:
    cell = Cell()

    class Recorded(BaseComm):
        def publish_msg(self, msg_type: str, *_: Any, **__: Any) -> None:
            cell.sent.append((cell.now, msg_type))

    monkeypatch.setattr(comm, "create_comm", lambda *args, **how: Recorded(*args, **how))
    return cell


def rows(board: NotebookBoard) -> list[Any]:
    return list(board._rows.box.children)


def words(row: Any) -> str:
    return Page(row.children[2].value).text


def titles(board: NotebookBoard) -> list[str]:
    return [Page(row.children[0].value).text for row in rows(board)]


def test_five_hundred_streams_send_at_most_a_hundred_messages_a_second(cell: Cell) -> None:
    board, rng, state = cell.board(500, price=0.2), random.Random(0), [0.0] * 500
    for _ in range(240):
        for i in range(500):
            if state[i] < 100:
                state[i] += rng.random() * 2
                over = Phase.FAILED if i % 25 == 0 else Phase.FINISHED
                board.update(
                    ProgressUpdate(i, Phase.STREAMING, "streaming", state[i])
                    if state[i] < 100
                    else ProgressUpdate(i, over)
                )
        cell.beat(board)
    board.close()
    while not close_some(board._leaving):
        cell.now += 0.25
    times = [at for at, _ in cell.sent]
    assert max(sum(start <= at < start + 1 for at in times) for start in sorted(set(times))) <= 100
    assert len(times) > 1000
    opened, closed = (sum(kind == wanted for _, kind in cell.sent) for wanted in ("comm_open", "comm_close"))
    assert opened - STAY == closed


def test_nothing_new_is_nothing_sent(cell: Cell) -> None:
    board = cell.board(3)
    cell.beat(board)
    before = len(cell.sent)
    board.beat()
    board.beat()
    assert len(cell.sent) == before


def test_only_active_streams_have_rows_and_the_rest_is_counted(cell: Cell) -> None:
    board = cell.board(500, rows=4)
    for i in range(20):
        board.update(ProgressUpdate(i, Phase.STREAMING, "streaming", 30.0))
    cell.beat(board, 10)
    assert titles(board) == [f"song {i} <b>" for i in range(4)]
    assert Page(board._rest.value).text == "and 16 more active and 480 more waiting"


def test_a_row_has_title_bar_stage_time_and_a_button(cell: Cell) -> None:
    board = cell.board(1)
    board.update(ProgressUpdate(0, Phase.STREAMING, "streaming", 45.0))
    cell.now += 31
    cell.beat(board)
    _, bar, _, button = rows(board)[0].children
    assert bar.value == 45
    assert words(rows(board)[0]) == "31 s generating 45 %"
    assert button.description == "Cancel"


def test_of_several_each_and_all_can_be_cancelled_and_of_one_it_alone(cell: Cell) -> None:
    for count, words_of_all in ((2, ["Cancel all", "Cancel", "Cancel"]), (1, ["Cancel"])):
        board = cell.board(count)
        for index in range(count):
            board.update(ProgressUpdate(index, Phase.SENDING))
        cell.beat(board)
        buttons = [board._stop, *(row.children[3] for row in rows(board))]
        shown = [button for button in buttons if button.layout.display != "none"]
        assert [button.description for button in shown] == words_of_all
        board._stop.click()
        cell.beat(board)
        assert board._stop.disabled
    assert cell.cancelled == [None, None]


def test_the_hold_is_explained(cell: Cell) -> None:
    board = cell.board(1)
    board.update(ProgressUpdate(0, Phase.STREAMING, "streaming", 90.0))
    cell.beat(board)
    assert "90 % can hold for several minutes; this is expected" in words(rows(board)[0])


def test_a_retry_counts_down_beat_by_beat(cell: Cell) -> None:
    board = cell.board(1)
    board.update(ProgressUpdate(0, Phase.RETRYING, retry_in=10.0))
    cell.beat(board)
    first = words(rows(board)[0])
    cell.beat(board, 12)
    assert first.endswith("in 10 s")
    assert words(rows(board)[0]).endswith("in 7 s")


def test_failures_stay_in_sight_and_the_finished_are_folded_away(cell: Cell) -> None:
    board = cell.board(4)
    board.update(ProgressUpdate(0, Phase.FAILED, message="Refused: <script>. Nothing was paid."))
    board.update(ProgressUpdate(1, Phase.FINISHED))
    board.update(ProgressUpdate(2, Phase.CANCELLED))
    cell.beat(board, 2)
    assert "Refused: <script>. Nothing was paid." in Page(board._failures.value).text
    assert board._fold.selected_index is None
    assert board._fold.titles == ("1 finished, 1 cancelled",)
    assert list(board._below.children) == [board._failures, board._fold]
    assert rows(board) == []


def test_the_headline_counts_and_tells_time_and_money(cell: Cell) -> None:
    board = cell.board(4, price=0.5)
    board.update(ProgressUpdate(0, Phase.SENDING))
    cell.now = 25.0
    board.update(ProgressUpdate(0, Phase.FINISHED))
    board.update(ProgressUpdate(1, Phase.SENDING))
    board.update(ProgressUpdate(1, Phase.STREAMING, "streaming", 50.0))
    cell.now = 29.75
    cell.beat(board)
    text = Page(board._headline.value).text
    assert "1 of 4 finished · 1 active · 2 waiting" in text
    assert "30 s, about 1 min 10 s to go" in text
    assert "1.00 spent" in text


def test_no_price_no_money(cell: Cell) -> None:
    board = cell.board(1)
    board.update(ProgressUpdate(0, Phase.FINISHED))
    cell.beat(board)
    assert "spent" not in board._headline.value


def test_a_click_cancels_this_stream_and_no_other(cell: Cell) -> None:
    board = cell.board(3)
    for i in range(3):
        board.update(ProgressUpdate(i, Phase.STREAMING, "queued"))
    cell.beat(board, 3)
    rows(board)[1].children[3].click()
    cell.beat(board)
    assert cell.cancelled == [1]
    assert [row.children[3].disabled for row in rows(board)] == [False, True, False]
    assert "cancelling" in words(rows(board)[1])


def test_a_late_click_does_not_cancel_the_stream_that_took_over_the_row(cell: Cell) -> None:
    board = cell.board(2, rows=1)
    board.update(ProgressUpdate(0, Phase.STREAMING, "queued"))
    cell.beat(board)
    old = rows(board)[0].children[3]
    board.update(ProgressUpdate(0, Phase.FINISHED))
    board.update(ProgressUpdate(1, Phase.STREAMING, "queued"))
    cell.beat(board, 2)
    assert titles(board) == ["song 1 <b>"]
    old.click()
    assert 1 not in cell.cancelled


def test_cancel_all(cell: Cell) -> None:
    board = cell.board(3)
    board._stop.click()
    assert cell.cancelled == [None]


def test_a_static_page_takes_the_boards_place(cell: Cell) -> None:
    board = cell.board(2, price=0.2)
    live = cell.shown
    board.update(ProgressUpdate(0, Phase.FINISHED, simulated=True))
    board.update(ProgressUpdate(1, Phase.FAILED, message="It broke."))
    cell.now = 12.0
    board.close()
    bundle = cell.shown._repr_mimebundle_()
    assert cell.shown is not live
    assert set(bundle) == {"text/plain", "text/html"}
    assert bundle["text/plain"] == "1 of 2 finished · 1 failed in 12 s"
    page = Page(bundle["text/html"])
    assert page.problems == []
    assert "It broke." in page.text
    assert "simulated" in page.text


def test_of_its_widgets_only_the_summary_stays_however_quick_the_ticker_is(
    cell: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Quick(Ticker):
        def stop(self) -> None:
            assert isinstance(cell.shown, Summary)
            while not self._finish():
                pass

    monkeypatch.setattr("soundverse_nb.widgets.board.Ticker", Quick)
    board = cell.board(3)
    board.update(ProgressUpdate(0, Phase.STREAMING, "queued"))
    cell.beat(board)
    board.close()
    kinds = [kind for _, kind in cell.sent]
    assert kinds.count("comm_open") - STAY == kinds.count("comm_close") > 10
    (summary,) = board._board.children
    assert "0 of 3 finished · 3 cancelled" in Page(summary.value).text


def test_what_is_saved_in_mid_run_is_a_line_that_stays_true(
    cell: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VSCODE_PID", raising=False)
    board = cell.board(30)
    bundle = cell.shown._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    assert "<b>" not in bundle["text/html"]
    assert Page(bundle["text/html"]).problems == []
    for text in (bundle["text/plain"], Page(bundle["text/html"]).text):
        assert "30 remixes started at " in text
        assert "song 11 <b> and 18 more" in text
        assert "client.orders()" in text
    board.close()


def test_a_front_end_that_needs_a_view_of_a_widget_gets_one(
    cell: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VSCODE_PID", "7")
    board = cell.board(1)
    bundle = cell.shown._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "text/html" not in bundle
    board.close()


def test_after_the_end_nothing_moves(cell: Cell) -> None:
    board = cell.board(2)
    board.close()
    sent, shown = len(cell.sent), cell.shown
    board.update(ProgressUpdate(0, Phase.STREAMING, "queued"))
    board.beat()
    board.close()
    assert len(cell.sent) == sent
    assert cell.shown is shown


def test_a_closed_board_serves_the_next_batch(cell: Cell) -> None:
    board = cell.board(1)
    board.update(ProgressUpdate(0, Phase.FAILED, message="It broke."))
    cell.beat(board)
    board.close()
    board.open(["second"], cell.cancelled.append)
    board.update(ProgressUpdate(0, Phase.STREAMING, "queued"))
    cell.beat(board)
    assert titles(board) == ["second"]
    assert list(board._below.children) == []
    board.close()
    assert cell.shown._repr_mimebundle_()["text/plain"].startswith("0 of 1 finished · 1 cancelled")


def test_a_batch_of_none_is_shown_and_closed(cell: Cell) -> None:
    board = cell.board(0)
    cell.beat(board)
    board.close()
    assert "0 of 0 finished" in cell.shown._repr_mimebundle_()["text/plain"]


def test_whoever_beats_and_closes_all_is_said_by_the_cell_that_opened_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard: list[tuple[str, str]] = []
    beaten = threading.Event()

    class Heard(BaseComm):
        def publish_msg(self, msg_type: str, *_: Any, **__: Any) -> None:
            heard.append((msg_type, speaking.get()))
            if threading.current_thread().name == "soundverse-ticker":
                beaten.set()

    class Output:
        def update(self, _summary: Any) -> None:
            heard.append(("update", speaking.get()))

    monkeypatch.setattr(comm, "create_comm", lambda *args, **how: Heard(*args, **how))
    board = NotebookBoard(show=lambda _: Output())
    token = speaking.set("cell 7")
    board.open(["song"], lambda _: None)
    speaking.reset(token)
    opened = len(heard)
    board.update(ProgressUpdate(0, Phase.STREAMING, "streaming", 45.0))
    assert beaten.wait(60)
    board.close()
    board._ticker.join(60)
    assert {"comm_open", "comm_msg", "update", "comm_close"} <= {kind for kind, _ in heard[opened:]}
    assert {speaker for _, speaker in heard} == {"cell 7"}
