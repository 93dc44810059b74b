"""Executed notebooks: each is run once, and again only where it or the package changed.

They are committed without outputs. What is kept lies in a folder of the build, under a name that holds the
hash of what went in: the notebook, the package's files and the interpreter.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

AT_ONCE = 2
"""Notebooks that run beside one another; each has a kernel, and the embedded service two processes more."""

CELL_SECONDS = 300

_HASH = 16

# What would lead a notebook to a real service, or to somebody's settings.
_FOREIGN = ("SOUNDVERSE_", "JUPYTER_", "IPYTHON", "XDG_")
_WIDGETS = "application/vnd.jupyter.widget-"

_LINKED = re.compile(r'<a [^>]*href="([\w. -]+)"')

Run = Callable[[Path, Path], Any]
"""Executes the notebook at the first path in the folder at the second, and gives it back with its outputs."""


@dataclass(frozen=True)
class Executed:
    """A notebook with its outputs. `beside` are the files it wrote for people, such as a report."""

    path: Path
    beside: tuple[Path, ...]
    seconds: float
    """What it took; 0 where it was there already."""


def package_hash(package: Path) -> str:
    """Of every file of the package that can change what a notebook shows, and of the interpreter."""
    total = hashlib.sha256(sys.version.encode())
    for path in sorted(package.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            total.update(path.relative_to(package).as_posix().encode())
            total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def execute_all(
    notebooks: Iterable[Path], package: Path, folder: Path, run: Run | None = None, *, at_once: int = AT_ONCE
) -> list[Executed]:
    """Every notebook with its outputs, in the order given; those that are kept are not run.

    Parameters
    ----------
    notebooks : without outputs, as they are committed.
    package : the folder of the package they import.
    folder : where executed ones are kept; what is left there of earlier versions is deleted.
    run : how one is executed; by default in a kernel of this interpreter.
    at_once : so many run beside one another.

    Raises what a cell raised, after the others have ended.
    """
    paths = list(notebooks)
    folder.mkdir(parents=True, exist_ok=True)
    package_is = package_hash(package)
    kept = {path: folder / _kept_name(path, package_is) for path in paths}
    for path in paths:
        for old in folder.glob(f"{path.stem}-{'?' * _HASH}"):
            if old != kept[path]:
                shutil.rmtree(old)
    # The longest first, so that the last one does not run alone: most cells is the best guess there is.
    order = sorted(paths, key=lambda path: path.stat().st_size, reverse=True)
    with ThreadPoolExecutor(at_once) as threads:
        making = {path: threads.submit(_kept, path, kept[path], run or in_a_kernel) for path in order}
    return [making[path].result() for path in paths]


def _kept_name(notebook: Path, package_is: str) -> str:
    content = hashlib.sha256(notebook.read_bytes() + package_is.encode()).hexdigest()
    return f"{notebook.stem}-{content[:_HASH]}"


def _kept(notebook: Path, target: Path, run: Run) -> Executed:
    began = time.monotonic()
    seconds = 0.0
    if not target.is_dir():
        _make(notebook, target, run)
        seconds = time.monotonic() - began
    beside = tuple(sorted(path for path in target.iterdir() if path.name != notebook.name))
    return Executed(target / notebook.name, beside, seconds)


def _make(notebook: Path, target: Path, run: Run) -> None:
    """Execute it in a folder of its own and keep the result, whole or not at all."""
    with tempfile.TemporaryDirectory(prefix="notebook-") as where:
        folder = Path(where) / "notebooks"
        folder.mkdir()
        executed = without_traces(run(notebook, folder), where)
        parts = Path(where) / "kept"
        parts.mkdir()
        nbformat.write(executed, parts / notebook.name)
        for written in _for_people(executed, folder):
            shutil.move(written, parts)
        shutil.move(parts, target)


def _for_people(notebook: Any, folder: Path) -> list[Path]:
    """What a notebook left in its folder to be opened: pages with their files, and what it shows links to."""
    pages = list(folder.glob("*.html"))
    found = {*pages, *(page.with_name(f"{page.stem}_files") for page in pages)}
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            found |= {folder / name for name in _LINKED.findall(output.get("data", {}).get("text/html", ""))}
    return sorted(path for path in found if path.exists())


def in_a_kernel(notebook: Path, folder: Path) -> Any:
    """Run it from top to bottom, with a home of its own beside `folder`, and no key."""
    from nbclient import NotebookClient  # comes with the lab extra

    home = folder.parent / "home"
    home.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    environment |= {"HOME": str(home), "TMPDIR": str(folder.parent)}
    client = NotebookClient(
        nbformat.read(notebook, as_version=4),
        timeout=CELL_SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
    )
    return client.execute(env=environment)


def without_traces(notebook: Any, folder: str) -> Any:
    """Without what a page cannot use (the state of live widgets) or should not tell (folders)."""
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type != "code":
            continue
        for output in cell.outputs:
            data = output.get("data", {})
            for kind in [kind for kind in data if kind.startswith(_WIDGETS)]:
                del data[kind]
            for texts in (data, output):
                for kind, text in texts.items():
                    if isinstance(text, str) and folder in text:
                        own = text.replace(f"{folder}/notebooks/", "").replace(f"{folder}/home", "~")
                        texts[kind] = own.replace(f"{folder}/", "").replace(folder, ".")
        # A display that was taken back leaves an output without anything in it.
        cell.outputs = [
            each for each in cell.outputs if each.get("data", True) not in ({}, {"text/plain": ""})
        ]
    return notebook
