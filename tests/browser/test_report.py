"""The report of a study in a real browser, from disk with the network cut: it plays, sorts and filters."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

import soundverse_nb as sv
from soundverse_nb.measures.difference import AlignedSegment, Alignment, Difference
from soundverse_nb.simulator import Simulator
from soundverse_nb.study.measuring import TrialMeasures, keep_measures
from soundverse_nb.study.store import StoredTrial, StudyStore
from tests.browser.lab import plays
from tests.study.conftest import write_song


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> sv.Study:
    """Two songs, two prompts, two takes of each; one take of another prompt failed."""
    folder = tmp_path_factory.mktemp("report")
    songs = [write_song(folder / f"{name}.wav", pitch) for name, pitch in (("one", 220.0), ("two", 330.0))]
    broken = {"simulate": {"fault": "failure", "times": 1}}
    with Simulator(speed=400.0, render="short") as service:
        client = sv.Client(
            "key-1", service.base_url, directory=folder / "remixes", journal=folder / "orders.sqlite3",
            progress=False,
        )  # fmt: skip
        try:
            made = sv.Study(folder / "study", client)
            parameters = {"plain": {"simulate": {"fault": "gzip", "times": 0}}, "broken": broken}
            excluded = [
                {"parameters": "broken", "prompt": "waltz"},
                {"parameters": "broken", "reference": "two"},
            ]
            plan = sv.Plan(songs, ["jazz", "waltz"], parameters=parameters, excluded=excluded, repeats=2)
            made.run_sync(plan, price=0.1, measures=False)
        finally:
            client.close()
    made.mark(made.trials()[0].identity, stars=5, note="keep this")
    for take in takes_of(made, "one"):
        align(made, take.identity)
    return made


def takes_of(study: sv.Study, reference: str) -> list[StoredTrial]:
    return [take for take in study.trials() if take.reference == reference and take.file]


def align(study: sv.Study, identity: str) -> None:
    """As if it had been measured that the take, of one second, holds a bar from the seventh second on."""
    segment = AlignedSegment(reference=(7.0, 10.0), remix=(0.4, 1.0))
    kept = {"tune_kept": 0.9, "alignment": Alignment(segments=(segment,))}
    store = StudyStore(study.path)
    keep_measures(store, identity, TrialMeasures(Difference.unknown().model_copy(update=kept)))
    store.close()


@pytest.fixture(scope="module", params=[False, True], ids=["beside", "inside"])
def file(request: pytest.FixtureRequest, study: sv.Study) -> Path:
    return study.report(study.path.parent / f"report {request.param}.html", embed=request.param)


@pytest.fixture
def page(chromium: Browser, file: Path) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1200, "height": 900}, offline=True)
    page = context.new_page()
    complaints: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    yield page
    context.close()
    assert complaints == []
    assert [url for url in asked if not url.startswith(("data:", "file:"))] == []


def wait(page: Page, test: str) -> None:
    page.wait_for_function(f"() => {{ const a = document.querySelectorAll('audio'); return {test}; }}")


def test_a_song_plays_and_every_take_can(page: Page) -> None:
    assert plays(page.locator(".songs audio").first)
    players = page.locator("audio").all()
    assert len(players) == 2 + 8 + 1, "of the two orders that were to fail, one met the fault"
    lengths = page.locator("audio").evaluate_all(
        """(players) => Promise.all(players.map((audio) => new Promise((resolve, reject) => {
            audio.onloadedmetadata = () => resolve(audio.duration);
            audio.onerror = () => reject(audio.error);
            audio.preload = "metadata";
            audio.load();
        })))"""
    )
    assert all(length > 0.5 for length in lengths)


def test_a_take_goes_on_where_its_original_was_and_silences_it(page: Page) -> None:
    original = page.locator(".songs .take").first
    original.locator(".wave").click(position={"x": 20, "y": 20})
    wait(page, "!a[0].paused && a[0].currentTime > 0.3")
    page.locator(".takes audio").first.evaluate("(audio) => { audio.play().catch(() => {}); }")
    wait(page, "a[0].paused && a[2].currentTime > 0.3")


def test_the_same_bar_is_kept_between_takes_of_a_song(page: Page) -> None:
    page.get_by_label("Same bar").check()
    page.locator(".songs audio").first.evaluate(
        "(audio) => { audio.currentTime = 7; audio.play().catch(() => {}); }"
    )
    wait(page, "!a[0].paused && a[0].currentTime >= 7")
    page.locator(".songs audio").first.evaluate("(audio) => { audio.pause(); audio.currentTime = 7.5; }")
    page.locator("h1").click()
    page.locator("audio").evaluate_all(
        """(players) => players.forEach((audio) => {
            audio.sought = [];
            audio.addEventListener('seeking', () => audio.sought.push(audio.currentTime));
        })"""
    )
    place = page.locator(".take").evaluate_all(
        """(takes) => takes.findIndex((take) => JSON.parse(take.dataset.levels).song === 'one'
            && take.matches('.remix'))"""
    )
    page.keyboard.press(str(place + 1))
    # It is over soon: what it was taken to is told by the seek.
    wait(page, f"a[0].paused && a[{place}].sought?.length")
    assert 0.45 < page.evaluate(f"document.querySelectorAll('audio')[{place}].sought[0]") < 0.55
    expect(page.locator(".said")).to_be_empty()
    # The bars of another song are none of this one.
    page.locator(".songs audio").nth(1).evaluate("(audio) => { audio.play().catch(() => {}); }")
    expect(page.locator(".said")).to_contain_text("have no bars in common that are known")


def test_takes_are_filtered_by_what_varies_and_sorted_by_a_number(page: Page) -> None:
    expect(page.locator(".choices .shown")).to_have_text("9 of 9 takes")
    page.get_by_label("prompt", exact=True).select_option("waltz")
    page.get_by_label("song", exact=True).select_option("two")
    expect(page.locator(".choices .shown")).to_have_text("2 of 9 takes")
    expect(page.locator(".takes > .take:visible")).to_have_count(2)
    expect(page.locator(".songs > .take:visible")).to_have_count(1)
    page.get_by_label("prompt", exact=True).select_option("")
    page.get_by_label("song", exact=True).select_option("")
    page.get_by_label("Sort by").select_option("-stars")
    expect(page.locator(".takes > .take").first).to_contain_text("keep this")
    page.get_by_label("Sort by").select_option("seconds")
    times = page.locator(".takes > .take").evaluate_all(
        "(takes) => takes.map((take) => JSON.parse(take.dataset.numbers).seconds)"
    )
    assert times == sorted(times)


def test_a_take_that_plays_goes_on_where_the_order_changes(page: Page) -> None:
    audio = page.locator(".takes audio").first
    audio.evaluate("(audio) => { audio.id = 'playing'; audio.loop = true; audio.play().catch(() => {}); }")
    wait(page, "[...a].some((each) => each.id === 'playing' && !each.paused && each.currentTime > 0)")
    page.get_by_label("Sort by").select_option("-seconds")
    page.get_by_label("Sort by").select_option("seconds")
    wait(page, "[...a].some((each) => each.id === 'playing' && !each.paused)")


def test_a_digit_plays_what_stands_there_now(page: Page) -> None:
    page.get_by_label("song", exact=True).select_option("two")
    page.locator("h1").click()
    page.keyboard.press("1")
    wait(page, "!a[1].paused && a[0].paused")
    page.keyboard.press(" ")
    wait(page, "a[1].paused")


def test_a_take_that_is_filtered_away_falls_silent(page: Page) -> None:
    page.locator(".songs audio").first.evaluate("(audio) => { audio.play().catch(() => {}); }")
    wait(page, "!a[0].paused")
    page.get_by_label("song", exact=True).select_option("two")
    wait(page, "a[0].paused")


def test_without_scripts_all_is_there_to_read_and_to_play(chromium: Browser, file: Path) -> None:
    context = chromium.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto(file.as_uri())
    expect(page.locator("audio[controls]")).to_have_count(11)
    expect(page.locator(".choices")).to_be_hidden()
    expect(page.locator(".listening")).to_be_hidden()
    expect(page.locator(".verdict").first).to_contain_text("95 % interval")
    context.close()


@pytest.mark.parametrize("width", [420, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_sticks_out_and_axe_finds_nothing(
    chromium: Browser, study: sv.Study, axe: Path, width: int, scheme: str
) -> None:
    file = study.report(study.path.parent / "looked at.html", overwrite=True)
    script = axe.read_text(encoding="utf-8")
    context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(file.as_uri())
    page.locator("details").evaluate_all("(all) => all.forEach((each) => { each.open = true; })")
    page.locator(".take").evaluate_all(
        "(all) => all.forEach((e) => { e.style.contentVisibility = 'visible'; })"
    )
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    hidden = page.locator("figure:not(.wide) .picture").evaluate_all(
        "(all) => all.filter((each) => each.scrollWidth > each.clientWidth).length"
    )
    assert hidden == 0, "a plot is seen whole, also on a phone"
    page.evaluate(f"{script}; 0")
    found = page.evaluate(
        "async () => (await axe.run(document)).violations.map((rule) => [rule.id, rule.nodes[0].html])"
    )
    assert found == []
    # The plots' dark parts are as light as the text on a dark page.
    ink = page.locator(".picture svg text, .picture svg use").first.evaluate(
        "(mark) => getComputedStyle(mark).fill"
    )
    assert ink == page.locator(".picture").first.evaluate("(part) => getComputedStyle(part).color")
    context.close()
