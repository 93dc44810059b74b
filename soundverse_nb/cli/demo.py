"""soundverse-nb demo: the whole way of a remix on this machine, four at once, and a page to hear them on."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import soundverse_nb
from soundverse_nb.cli.verdict import shown_name, verdict_lines, wants_colours
from soundverse_nb.errors import ConfigurationError, SoundverseError
from soundverse_nb.render.quantity import span

if TYPE_CHECKING:
    from soundverse_nb.remix import Remix

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
    from soundverse_nb.examples import example_song
    from soundverse_nb.reference import preflight

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
    print(f"   {shown_name(os.fspath(page))} is one page with everything in it. Open it in a browser:")
    print(f"   {page.resolve().as_uri()}")
    _tell_about_notebooks()
    return int(bool(errors))


def _folder(name: str) -> Path:
    folder = Path(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as reason:
        raise ConfigurationError(
            f"The page cannot be written to {shown_name(name)}: {reason.strerror or reason}.",
            hint="Name another folder with --out.",
        ) from None
    return folder


def _make(reference: Path, workshop: Path) -> tuple[list[Remix | SoundverseError], int]:
    """Four remixes, and how many orders the simulated ledger charged for.

    The service, the journal and the files are the demo's own: whatever key and orders this user has stay
    out of it.
    """
    from soundverse_nb.client import Client
    from soundverse_nb.simulator import Simulator

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
    from soundverse_nb.cli.demo_page import comparison_page, song_title
    from soundverse_nb.examples import TITLE, example_song

    title = TITLE if reference == example_song() else song_title(reference)
    files = []
    for number, remix in enumerate(remixes, 1):
        target = out / f"remix-{number}{remix.audio.path.suffix}"
        shutil.copyfile(remix.audio, target)
        files.append(target.name)
    written = out / "index.html.part"
    written.write_text(comparison_page(reference, title, remixes, files, seconds), encoding="utf-8")
    return written.replace(out / "index.html")


def _tell_about_notebooks() -> None:
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
