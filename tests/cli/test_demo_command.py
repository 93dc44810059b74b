"""`soundverse-nb demo` and `soundverse-nb preflight`, run as a newcomer runs them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from soundverse_nb.examples import example_song

SONG = str(example_song())


def run(*arguments: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    # A home of its own: what other tests ordered is none of its business.
    home = {
        "HOME": str(folder),
        "XDG_STATE_HOME": str(folder / "state"),
        "XDG_DATA_HOME": str(folder / "data"),
    }
    return subprocess.run(
        [sys.executable, "-m", "soundverse_nb", *arguments],
        cwd=folder,
        env={**os.environ, **home, **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def tone(path: Path, seconds: float) -> Path:
    time = np.arange(int(seconds * 8000)) / 8000
    sf.write(path, 0.3 * np.sin(2 * np.pi * 220 * time), 8000, format="WAV")
    return path


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    folder = tmp_path_factory.mktemp("demo")
    # A real key and a real address are set: the demo must use neither. Nor does it need a home: not even
    # root can write to one that lies below a file.
    (folder / "file").write_text("no folder")
    done = run(
        "demo",
        folder=folder,
        SOUNDVERSE_API_KEY="a-real-key",
        SOUNDVERSE_BASE_URL="https://api.example.org",
        **dict.fromkeys(("HOME", "XDG_STATE_HOME", "XDG_DATA_HOME"), str(folder / "file" / "home")),
    )
    return done, folder


def test_the_demo_page_does_not_contradict_that_nothing_was_sent(
    demo: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    page = (demo[1] / "soundverse-demo" / "index.html").read_text(encoding="utf-8")
    assert "Nothing was sent out" in page
    assert "went out" not in page


def test_the_demo_leaves_one_page_with_four_remixes(
    demo: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    done, folder = demo
    assert done.returncode == 0, done.stderr
    page = (folder / "soundverse-demo" / "index.html").read_text(encoding="utf-8")
    remixes = re.findall(r'<article class="take remix".*?</article>', page, re.DOTALL)
    assert len(remixes) == 4
    assert all(re.search(r'src="data:audio/mpeg;base64,[^"]{100000,}"', remix) for remix in remixes)
    assert len(re.findall(r'<article class="take original"', page)) == 1
    assert "Simulated." in page


def test_the_demo_says_where_the_page_is_and_how_to_go_on(
    demo: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    done, folder = demo
    assert (folder / "soundverse-demo" / "index.html").as_uri() in done.stdout
    assert "01_quickstart.ipynb" in done.stdout
    assert "4 charges" in done.stdout


def test_the_demos_remixes_lie_beside_its_page(demo: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    files = sorted(path.name for path in (demo[1] / "soundverse-demo").iterdir())
    assert files == ["index.html", "remix-1.mp3", "remix-2.mp3", "remix-3.mp3", "remix-4.mp3"]


def test_the_demo_leaves_nobodys_journal_behind(demo: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    done, folder = demo
    assert done.returncode == 0
    assert "a-real-key" not in done.stdout + done.stderr
    assert not list(folder.rglob("*.sqlite3"))


def test_a_reference_that_fails_gets_its_verdict_and_no_page(tmp_path: Path) -> None:
    short = tone(tmp_path / "short.wav", 4.0)
    done = run("demo", "--reference", str(short), "--out", "page", folder=tmp_path)
    assert done.returncode == 1
    assert "FAIL" in done.stdout
    assert "too_short" in done.stdout
    assert not (tmp_path / "page" / "index.html").exists()
    assert "Traceback" not in done.stderr


def test_a_page_that_cannot_be_written_is_said_before_anything_is_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    done = run("demo", "--out", "file/page", folder=tmp_path)
    assert done.returncode == 1
    assert "file/page" in done.stderr
    assert "Preflight" not in done.stdout
    assert "Traceback" not in done.stderr


def test_preflight_prints_a_verdict_for_each_file(tmp_path: Path) -> None:
    tone(tmp_path / "short.wav", 4.0)
    (tmp_path / "notes.txt").write_text("la la la")
    done = run("preflight", SONG, "short.wav", "notes.txt", "gone.mp3", ".", folder=tmp_path)
    assert done.returncode == 1
    verdicts = [line.split()[0] for line in done.stdout.splitlines() if re.match(r"(PASS|FAIL) ", line)]
    assert verdicts == ["PASS", "FAIL", "FAIL", "FAIL", "FAIL"]
    assert re.search(r"too_short: .*\n +measured 4, limit 10\n", done.stdout)
    assert done.stdout.endswith("1 of 5 would be taken.\n")


def test_preflight_succeeds_where_every_file_passes(tmp_path: Path) -> None:
    done = run("preflight", SONG, folder=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("PASS  ")


@pytest.mark.skipif(os.name != "posix", reason="such file names exist on POSIX systems only")
@pytest.mark.parametrize(("name", "shown"), [("two\nlines.wav", r"two\nlines.wav"), ("-n.wav", "-n.wav")])
def test_preflight_takes_any_file_name(tmp_path: Path, name: str, shown: str) -> None:
    tone(tmp_path / name, 12.0)
    done = run("preflight", "--", name, folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[0].startswith(f"PASS  {shown} ")


def test_a_reader_that_leaves_early_gets_no_traceback(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "soundverse_nb", "preflight", *[SONG] * 3],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    process.wait(60)
    assert "Traceback" not in said


def test_a_command_without_words_explains_itself(tmp_path: Path) -> None:
    done = run(folder=tmp_path)
    assert done.returncode == 2
    assert "demo" in run("--help", folder=tmp_path).stdout
    assert run("--version", folder=tmp_path).stdout.startswith("soundverse-nb ")


def test_orders_of_nobody_are_an_empty_list(tmp_path: Path) -> None:
    done = run("orders", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "no orders yet" in done.stdout
