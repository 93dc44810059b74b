"""soundverse-nb demo: four remixes at once on this machine, and a page to hear them on."""

from __future__ import annotations

import argparse
import math
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import soundverse_nb
from soundverse_nb.audio.measure import measure
from soundverse_nb.cli.output import wants_colours
from soundverse_nb.cli.preflight import verdict_lines
from soundverse_nb.client import Client
from soundverse_nb.errors import ConfigurationError, SoundverseError
from soundverse_nb.examples import TITLE, example_song
from soundverse_nb.reference import preflight
from soundverse_nb.remix import Clip
from soundverse_nb.remix.preview import playables
from soundverse_nb.render import units
from soundverse_nb.render.colours import song_colour
from soundverse_nb.render.escape import one_line
from soundverse_nb.render.labels import stages_html
from soundverse_nb.render.page import Page, SongPanel, page_html
from soundverse_nb.render.units import span
from soundverse_nb.simulator import Simulator
from soundverse_nb.widgets.alignments import align
from soundverse_nb.widgets.takes import Take

if TYPE_CHECKING:
    from soundverse_nb.audio.measure import Measurements
    from soundverse_nb.remix import Clip, Remix

MAX_AUDIO_BYTES = 24_000_000
"""All players of a page together: what a browser still opens at once, and enough for songs of six minutes."""

_NUMBERS = {1: "One remix", 2: "Two remixes", 3: "Three remixes", 4: "Four remixes"}


def comparison_page(
    reference: Path, title: str, remixes: Sequence[Remix], files: Sequence[str], seconds: float
) -> str:
    """The page for a song called `title` and its remixes, whose files lie beside it.

    `seconds` is what making them took.
    """
    clips = [Clip(reference), *(remix.audio for remix in remixes)]
    with ThreadPoolExecutor(2) as pool:
        measured = list(pool.map(lambda clip: measure(clip.path), clips))
    players = playables(clips, MAX_AUDIO_BYTES)
    original = measured[0]
    songs = [
        SongPanel(
            label=f"Remix {number}" if remix else "Original",
            title=remix.title if remix else title,
            prompt=(remix.request.prompt or "") if remix else "",
            duration=sound.duration,
            envelope=sound.envelope,
            colour=song_colour(number),
            loudness=sound.loudness,
            facts=_facts(clip, sound, original if remix else None, remix),
            audio=player.data,
            note=player.note,
            file=file,
            stages=stages_html(remix.timeline, remix.seconds or 0.0) if remix else None,
        )
        for number, (clip, sound, player, remix, file) in enumerate(
            zip(clips, measured, players, [None, *remixes], ["", *files], strict=True)
        )
    ]
    count = _NUMBERS.get(len(remixes), f"{len(remixes)} remixes")
    page = page_html(
        Page(
            title=f"One song, {count.lower()}",
            lead=f"{songs[0].title} ({units.clock(original.duration)}) passed preflight; "
            f"{len(remixes)} prompts made remixes of it at once, "
            f"and {units.span(seconds)} later everything was here.",
            original=songs[0],
            remixes=tuple(songs[1:]),
            badge="Simulated.",
            warning="These remixes were made by the embedded service of soundverse_nb on this machine: "
            "signal processing, not the model. Nothing was sent out and nothing was paid.",
            foot=(
                f"Made by soundverse_nb {soundverse_nb.__version__}. Loudness after ITU-R BS.1770-5; "
                "LU is the difference from the original.",
            ),
            alignment=_alignment(songs, clips),
        )
    )
    return str(page)


def _alignment(songs: Sequence[SongPanel], clips: Sequence[Clip]) -> dict[str, Any] | None:
    """Which second of each song is which of the original; None where that cannot be told."""
    takes = [Take(song.label, clip, song.colour) for song, clip in zip(songs, clips, strict=True)]
    try:
        return align(takes)
    except SoundverseError:
        return None


def song_title(path: Path) -> str:
    """A file's name as a title: "night_drive.mp3" reads "night drive"."""
    return path.stem.replace("_", " ").strip() or path.name


def _facts(
    clip: Clip, sound: Measurements, original: Measurements | None, remix: Remix | None
) -> tuple[str, ...]:
    kind = f"{units.rate(sound.sample_rate)} {units.channels(sound.channels)}"
    facts = [
        _length(sound.duration, None if original is None else original.duration),
        _loudness(sound.loudness, None if original is None else original.loudness),
        f"{units.format_name(sound.format)}, {kind}",
        units.size(clip.size_bytes),
    ]
    if remix is not None and remix.seconds is not None:
        facts.append(f"made in {units.span(remix.seconds)}")
    return tuple(facts)


def _length(seconds: float, original: float | None) -> str:
    label = units.clock(seconds)
    if not original:
        return label
    change = round(100 * (seconds / original - 1))
    if not change:
        return f"{label} (as long as the original)"
    return f"{label} ({abs(change)} % {'longer' if change > 0 else 'shorter'})"


def _loudness(measured: float, original: float | None) -> str:
    if not math.isfinite(measured):
        return "silent"
    label = units.loudness(measured)
    if original is not None and math.isfinite(original):
        # Of what is shown, so that the numbers of the page add up.
        difference = round(round(measured, 1) - round(original, 1), 1)
        more = f"{units.signed(difference, plus=True)} LU" if difference else "as loud as the original"
        label += f" ({more})"
    return label


PROMPTS = (
    "upbeat jazz with brass horns",
    "slow lo-fi hip hop, warm and dusty",
    "fast drum and bass, bright synths",
    "dreamy ambient, deep and spacious",
)

SPEED = 25.0
"""So many times faster than the real service, which takes about 100 seconds for a remix."""


def run(options: argparse.Namespace) -> int:
    """Preflight, four remixes at once, compare. 1 where the reference fails or a remix could not be made."""
    reference = Path(options.reference) if options.reference is not None else example_song()
    out = _folder(options.out)
    print("soundverse_nb demo: everything happens on this machine, nothing is sent out and nothing is paid.")
    print("\n1. Preflight: would the service take this song?", flush=True)
    report = preflight(reference)
    for line in verdict_lines(os.fspath(reference), report, colours=wants_colours()):
        print(line)
    if not report.ok:
        return 1
    print(
        f"\n2. {len(PROMPTS)} remixes at once, on the embedded service ({SPEED:g} times faster than life)",
        flush=True,
    )
    with tempfile.TemporaryDirectory(prefix="soundverse-demo-") as workshop:
        started = time.monotonic()
        results, charged = _make(reference, Path(workshop))
        seconds = time.monotonic() - started
        remixes = [result for result in results if not isinstance(result, SoundverseError)]
        errors = [result for result in results if isinstance(result, SoundverseError)]
        for error in errors:
            print(f"soundverse-nb: {error}", file=sys.stderr)
        if not remixes:
            return 1
        print(f"   {len(remixes)} remixes in {span(seconds)}; the simulated ledger holds {charged} charges.")
        print("\n3. Compare", flush=True)
        page = _write(out, reference, remixes, seconds)
    print(f"   {one_line(os.fspath(page))} is one page with everything in it. Open it in a browser:")
    print(f"   {page.resolve().as_uri()}")
    _print_next_steps()
    return int(bool(errors))


def _folder(name: str) -> Path:
    folder = Path(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as reason:
        raise ConfigurationError(
            f"The page cannot be written to {one_line(name)}: {reason.strerror or reason}.",
            hint="Name another folder with --out.",
        ) from None
    return folder


def _make(reference: Path, workshop: Path) -> tuple[list[Remix | SoundverseError], int]:
    """Four remixes, and how many orders the simulated ledger charged for.

    The service, the journal and the files are the demo's own: whatever key and orders this user has stay
    out of it.
    """
    with Simulator(speed=SPEED) as service:
        client = Client(
            "demo", service.base_url, directory=workshop / "remixes", journal=workshop / "orders.sqlite3"
        )
        try:
            results = client.remix_all_sync([(reference, prompt) for prompt in PROMPTS])
        finally:
            client.close()
        return results, len(service.ledger)


def _write(out: Path, reference: Path, remixes: list[Remix], seconds: float) -> Path:
    """Put the songs and the page into the folder; a page that is open in a browser is never half a page."""
    title = TITLE if reference == example_song() else song_title(reference)
    files = []
    for number, remix in enumerate(remixes, 1):
        target = out / f"remix-{number}{remix.audio.path.suffix}"
        shutil.copyfile(remix.audio, target)
        files.append(target.name)
    written = out / "index.html.part"
    written.write_text(comparison_page(reference, title, remixes, files, seconds), encoding="utf-8")
    return written.replace(out / "index.html")


def _print_next_steps() -> None:
    """How to go on: the notebooks lie beside the package in a clone."""
    notebooks = Path(soundverse_nb.__file__).parent.parent / "notebooks"
    first = notebooks / "01_quickstart.ipynb"
    jupyter = Path(sys.executable).with_name("jupyter")
    print("\nThe notebooks go on from here:")
    if not first.exists():
        print("   they are part of the project's repository, in the folder notebooks/.")
        return
    if not jupyter.with_name("jupyter-lab").exists():
        print("   .venv/bin/pip install -e '.[lab]'   (JupyterLab is not installed here)")
    print(f"   {_near(jupyter)} lab {_near(first)}")


def _near(path: Path) -> str:
    """A path as one would type it from here."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith(os.pardir) else relative
