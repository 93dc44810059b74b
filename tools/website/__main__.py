"""Build the documentation site, offline: `python -m tools.website`.

It needs the `docs` extra, with `--check` the `test` extra too.

It executes the notebooks (those that changed since the last time), lays out the sources, builds the site with
Sphinx, warnings being errors, writes notebook 01 with its sound as one file, and looks for broken links.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tools.website.executed import AT_ONCE, Executed, execute_all
from tools.website.links import broken_in_site
from tools.website.one_page import BUILD, HANDOUT, write_one_page
from tools.website.reference import write
from tools.website.sources import ROOT, copy_written, lay_out


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.website", description=__doc__)
    parser.add_argument("--out", type=Path, default=BUILD, help="folder (default: build/site)")
    parser.add_argument("--at-once", type=int, default=AT_ONCE, help="notebooks that run beside one another")
    parser.add_argument("--check", action="store_true", help="open it in Chromium without a network and look")
    given = parser.parse_args(arguments)
    out: Path = given.out.resolve()
    began = time.monotonic()
    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
    executed = execute_all(notebooks, ROOT / "soundverse_nb", out / "executed", at_once=given.at_once)
    for each in executed:
        print(f"{each.path.name}: {f'{each.seconds:.0f} s' if each.seconds else 'kept'}", flush=True)
    status = build(out, executed)
    megabytes, seconds = size(out / "html") / 1e6, time.monotonic() - began
    print(f"{out / 'html' / 'index.html'}: {megabytes:.1f} MB, {seconds:.0f} s in all", flush=True)
    if given.check and not status:
        from tools.website.opened import look  # needs a browser

        status = look(out / "html")
    return status


def build(out: Path, executed: list[Executed]) -> int:
    """Sphinx's pages of executed notebooks and everything else, in `out`/html; 0 where nothing is wrong."""
    source, html = out / "source", out / "html"
    lay_out(source, executed)
    write(source / "reference")
    shutil.rmtree(html, ignore_errors=True)
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-W",
        "--keep-going",
        "-q",
        "-j",
        "2",
        "-d",
        str(out / "doctrees"),
    ]
    run = subprocess.run([*command, str(source), str(html)], cwd=ROOT, check=False)
    if run.returncode:
        return run.returncode
    copy_written(executed, html)
    write_one_page(
        next(each.path for each in executed if each.path.name == HANDOUT.name), html / "quickstart.html"
    )
    broken = broken_in_site(html)
    print(*broken, sep="\n", end="\n" if broken else "")
    return bool(broken)


def size(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    sys.exit(main())
