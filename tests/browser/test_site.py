"""The look at the built documentation site finds what is wrong with a page, and only that."""

from __future__ import annotations

import base64
from pathlib import Path

from playwright.sync_api import Browser

import soundverse_nb as sv
from tools.website.opened import problems


def found(browser: Browser, site: Path, page: str) -> str:
    (site / "page.html").write_text(page, encoding="utf-8")
    return "\n".join(problems(browser, site))


def test_a_page_that_plays_fits_and_asks_for_nothing_is_fine(chromium: Browser, tmp_path: Path) -> None:
    sound = base64.b64encode(sv.example_song().read_bytes()).decode()
    (tmp_path / "song.mp3").write_bytes(sv.example_song().read_bytes())
    page = (
        f'<audio src="data:audio/mpeg;base64,{sound}"></audio><audio src="song.mp3" preload="none"></audio>'
    )
    assert found(chromium, tmp_path, page) == ""


def test_a_foreign_script_a_missing_picture_and_a_silent_player_are_told(
    chromium: Browser, tmp_path: Path
) -> None:
    told = found(
        chromium,
        tmp_path,
        '<script src="https://cdn.example.org/x.js"></script>'
        '<img src="gone.png"><audio src="gone.mp3"></audio>',
    )
    assert "page.html: asks for https://cdn.example.org/x.js" in told
    assert "gone.png" in told
    assert "player 1 does not play" in told


def test_a_page_wider_than_a_narrow_window_is_told(chromium: Browser, tmp_path: Path) -> None:
    assert "px wider than a window of 420" in found(chromium, tmp_path, '<div style="width:900px">wide</div>')
