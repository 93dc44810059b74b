"""The line of a notebook that says how far a check is: it leaves nothing behind."""

from __future__ import annotations

from typing import Any

import pytest

from soundverse_nb.reference import progress
from soundverse_nb.reference.progress import NotebookLine, steps_shown


class Shell:
    """Stands for a kernel's shell: keeps what was published."""

    def __init__(self) -> None:
        self.display_pub = self
        self.published: list[dict[str, Any]] = []

    def publish(self, **message: Any) -> None:
        self.published.append(message)


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Shell:
    shell = Shell()
    monkeypatch.setattr(progress, "ipython_shell", lambda: shell)
    monkeypatch.setattr(progress, "in_kernel", lambda: True)
    return shell


def test_what_was_shown_is_empty_at_the_end_and_in_the_one_place_all_the_time(shell: Shell) -> None:
    with steps_shown(True) as show:
        show("Measuring <b>")
        show("Writing 5:49 as MP3")
    first, second, last = shell.published
    assert [message["update"] for message in (first, second, last)] == [False, True, True]
    assert len({message["transient"]["display_id"] for message in shell.published}) == 1
    assert "Measuring &lt;b&gt;" in first["data"]["text/html"]
    assert last["data"] == {"text/plain": ""}


def test_it_goes_when_the_work_is_stopped(shell: Shell) -> None:
    def work() -> None:
        with steps_shown(True) as show:
            show("Writing")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert shell.published[-1]["data"] == {"text/plain": ""}


def test_what_is_over_at_once_shows_nothing(shell: Shell) -> None:
    with NotebookLine(lambda: 0.0) as line:
        for done in range(1, 4):
            line.show(f"{done} of 3 songs checked", done / 3)
    assert shell.published == []


def test_many_songs_are_few_messages(shell: Shell) -> None:
    now = 0.0
    with NotebookLine(lambda: now) as line:
        for done in range(1, 101):
            now += 0.01
            line.show(f"{done} of 100 songs checked", done / 100)
    assert 3 <= len(shell.published) <= 6
    assert "width:30%" in shell.published[0]["data"]["text/html"]
