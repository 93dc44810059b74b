"""The built site, opened from disk in Chromium with the network cut: it asks for nothing, its players play.

It needs what the browser tests need: the `test` extra and a Chromium.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, Request, sync_playwright
from playwright.sync_api import Error as PageError

from tests.browser.lab import chromium, launch

NARROW = 420
"""The width in pixels at which no page may be wider than its window."""

_HEARD_MS = 20_000
_PLAYED = """async (audio) => {
  audio.muted = true;
  await audio.play();
  await new Promise((heard) =>
    audio.addEventListener("timeupdate", () => audio.currentTime > 0.1 && heard()));
  audio.pause();
  return audio.currentTime;
}"""
_OVERFLOWS = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


def look(site: Path) -> int:
    """Open every page of a built site and print what is wrong; 0 where nothing is."""
    executable = chromium()
    if executable is None:
        print("no Chromium on this machine: the site was not opened")
        return 1
    with sync_playwright() as driver:
        browser = launch(driver, executable)
        try:
            wrong = list(problems(browser, site))
        finally:
            browser.close()
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return bool(wrong)


def problems(browser: Browser, site: Path) -> Iterator[str]:
    """What is wrong with the pages of a site, a line each."""
    context = browser.new_context(offline=True, viewport={"width": NARROW, "height": 900})
    page = context.new_page()
    said: list[str] = []
    page.on("request", lambda request: said.extend(_leaves(request)))
    page.on("requestfailed", lambda request: said.extend(_missing(request)))
    page.on("pageerror", lambda error: said.append(f"error: {error.message}"))
    opened = played = 0
    for path in pages(site):
        said.clear()
        page.goto(path.as_uri())
        name = path.relative_to(site).as_posix()
        if (over := page.evaluate(_OVERFLOWS)) > 0:
            said.append(f"{over} px wider than a window of {NARROW}")
        heard, silent = _play(page)
        opened, played = opened + 1, played + heard
        yield from (f"{name}: {each}" for each in dict.fromkeys([*said, *silent]))
    context.close()
    print(f"{opened} pages opened from disk without a network, {played} players heard", flush=True)
    if not played:
        yield "no page has a player"


def pages(site: Path) -> list[Path]:
    """Every page, the reports that notebooks wrote included."""
    return sorted(path for path in site.rglob("*.html") if "_static" not in path.parts)


def _leaves(request: Request) -> list[str]:
    inside = request.url.startswith(("file:", "data:", "blob:"))
    return [] if inside else [f"asks for {request.url[:100]}"]


def _missing(request: Request) -> list[str]:
    """What a page asked for and did not get. A player that needs no more of its file aborts its request."""
    failure = request.failure or ""
    return [] if "ERR_ABORTED" in failure else [f"{failure}: {request.url[:100]}"]


def _play(page: Page) -> tuple[int, list[str]]:
    """How many players of a page play, and which do not."""
    heard, silent = 0, []
    for place, player in enumerate(page.locator("audio[src]").all(), 1):
        if why := _silence(player):
            silent.append(f"player {place} does not play: {why}")
        else:
            heard += 1
    return heard, silent


def _silence(player: Locator) -> str:
    """Why a player does not play; nothing where it does."""
    try:
        player.evaluate(_PLAYED, timeout=_HEARD_MS)
    except PageError as error:
        return error.message.splitlines()[0]
    return ""
