"""Cards of songs and remixes in JupyterLab: with a kernel they play the whole file, saved they are small."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Locator, Page, expect

from tests.browser.lab import Lab, LabNotebook, plays

SECONDS = 100
CELLS = [
    "import soundverse_nb as sv\n"
    "request = sv.RemixRequest(song_reference_url='https://example.org/a.mp3', prompt='jazz')\n"
    "sv.Remix(audio='card.wav', reference='card.wav', request=request, song_name='Copper')",
    "sv.Clip('card.wav')",
]


@pytest.fixture
def notebook(lab: Lab) -> LabNotebook:
    """A remix and a song of 100 seconds each, on show."""
    time = np.arange(SECONDS * 44100) / 44100
    left = np.sin(2 * np.pi * 220 * time) * 0.3
    soundfile.write(lab.server.root / "card.wav", np.stack([left, left * 0.5], axis=1), 44100)
    opened = lab.open_notebook(lab.write("cards.ipynb", CELLS))
    opened.run_all()
    opened.wait_until_run()
    return opened


def wait_for_length(page: Page, player: Locator, test: str) -> None:
    player.scroll_into_view_if_needed()
    handle = player.element_handle()
    page.wait_for_function(f"(audio) => {{ const long = audio.duration; return {test}; }}", arg=handle)


def test_with_a_kernel_a_card_plays_the_whole_file_and_without_it_goes_on_to(notebook: LabNotebook) -> None:
    page = notebook.page
    players = page.locator(".soundverse-result audio")
    expect(players).to_have_count(3)
    for player in players.all():
        wait_for_length(page, player, f"Math.abs(long - {SECONDS}) < 0.1")
        assert plays(player)
    expect(page.locator(".soundverse-note").first).to_contain_text(
        "Plays the whole file. Saved in the notebook: first 0:"
    )
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:shutdown-kernel')")
    assert plays(players.first)
    wait_for_length(page, players.first, f"Math.abs(long - {SECONDS}) < 0.1")


def test_it_is_still_the_whole_file_after_the_page_was_loaded_again(notebook: LabNotebook) -> None:
    notebook.save()
    page = notebook.page
    page.reload()
    player = page.locator(".soundverse-result audio").first
    wait_for_length(page, player, f"Math.abs(long - {SECONDS}) < 0.1")


def test_what_is_saved_is_a_small_page_that_plays_a_preview_and_says_how_to_hear_more(
    notebook: LabNotebook, lab: Lab
) -> None:
    saved = notebook.save()
    for cell in saved.cells:
        (output,) = cell.outputs
        assert set(output["data"]) == {"text/plain", "text/html"}
        assert len(output["data"]["text/html"]) < 1_500_000
    shutil.copyfile(notebook.file, notebook.file.with_name("cards-sent.ipynb"))  # the signature stays behind
    page = lab.open_notebook("cards-sent.ipynb").page
    player = page.locator(".soundverse-result audio").first
    wait_for_length(page, player, f"long > 20 && long < {SECONDS - 1}")
    assert plays(player)
    notes = page.locator(".soundverse-note")
    expect(notes.first).to_contain_text("96 kbit/s stereo, 44.1 kHz. Run .compare() for the whole song.")
    expect(notes.last).to_contain_text("Run sv.compare(clip) for the whole song.")
