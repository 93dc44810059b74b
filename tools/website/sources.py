"""The site's sources, laid out in one folder: Markdown of the project, and executed notebooks.

In the project the pages link one another as files; here they lie in other places, so links between them are
turned, and a link to a file that is no page becomes its name.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from tools.website.executed import Executed

ROOT = Path(__file__).resolve().parents[2]
PAGES = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
"""Pages at the project's root, and what they are called on the site."""

LIST_HERE = "<!-- the list of notebooks -->"
"""What stands in the page on notebooks where their list belongs."""

_LINK = re.compile(r"(?P<head>!?\[(?P<text>[^\]]*)\]\()(?P<target>[^)\s#]+)(?P<tail>#[^)\s]*)?\)")
_FOREIGN = re.compile(r"[a-z][a-z+.-]*:", re.IGNORECASE)


def place_of(file: PurePosixPath) -> PurePosixPath | None:
    """Where a file of the project is on the site; None where it is not part of it."""
    if str(file) in PAGES:
        return PurePosixPath(PAGES[str(file)])
    if str(file) == "README.md":
        return PurePosixPath("index.md")
    if file.parts[0] == "docs" and file.suffix in (".md", ".png", ".svg"):
        return file.relative_to("docs")
    if file.parts[0] == "notebooks" and file.suffix in (".ipynb", ".png"):
        return file
    return None


def turned(text: str, home: str) -> str:
    """Markdown with its links led to where things are on the site; `home` is its file in the project."""
    here = PurePosixPath(home)
    to_here = place_of(here) or here

    def link(found: re.Match[str]) -> str:
        target = found["target"]
        if _FOREIGN.match(target):
            return found[0]
        named = PurePosixPath(os.path.normpath(here.parent / target))
        if (place := place_of(named)) is None:
            return f"`{found['text'].strip('`')}`" if not found[0].startswith("!") else found["text"]
        shown = os.path.relpath(place, to_here.parent)
        # The first page of the site stands for README, whose headings it does not have.
        tail = "" if str(named) == "README.md" else found["tail"] or ""
        return f"{found['head']}{PurePosixPath(shown)}{tail})"

    return _LINK.sub(link, text)


def lay_out(folder: Path, executed: Iterable[Executed], root: Path = ROOT) -> None:
    """Fill `folder`, which is emptied, with everything the site is built from but the reference."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(root / "docs", folder)
    for home, name in PAGES.items():
        shutil.copyfile(root / home, folder / name)
    notebooks = folder / "notebooks"
    shutil.copytree(root / "notebooks" / "images", notebooks / "images")
    lines = []
    for each in executed:
        notebook = json.loads(each.path.read_text(encoding="utf-8"))
        lines.append(_line(each.path.name, notebook))
        (notebooks / each.path.name).write_text(json.dumps(_for_the_site(notebook, each)), encoding="utf-8")
    homes = {name: home for home, name in PAGES.items()}
    for page in sorted(folder.rglob("*.md")):
        name = page.relative_to(folder).as_posix()
        text = page.read_text(encoding="utf-8").replace(LIST_HERE, "\n".join(lines))
        page.write_text(turned(text, homes.get(name, f"docs/{name}")), encoding="utf-8")


def _line(name: str, notebook: Any) -> str:
    """A notebook in the list of all, in the page of the project: its title and its first sentence."""
    title, _, text = "".join(notebook["cells"][0]["source"]).partition("\n")
    # Where it begins with a list of what one can do after it, that is one sentence, an item a line.
    words = " ".join(re.sub(r"^- ", "", _LINK.sub(r"\g<text>", text), flags=re.MULTILINE).split())
    sentence = re.split(r"(?<=[.?]) ", words, maxsplit=1)[0]
    return f"- [{title.lstrip('# ')}](../notebooks/{name})  \n  {sentence}"


def _for_the_site(notebook: Any, executed: Executed) -> Any:
    """With its links turned, and a last line that leads to the pages that it wrote."""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = turned("".join(cell["source"]), f"notebooks/{executed.path.name}")
    written = [path for path in executed.beside if path.suffix == ".html"]
    if written:
        # Of a page outside of Sphinx, so it is HTML: Markdown's links are looked for among the sources.
        links = ", ".join(f'<a href="{path.name}">{path.name}</a>' for path in written)
        text = f'<p class="written">This run wrote {links}, to be opened and heard from here.</p>'
        notebook["cells"].append({"cell_type": "markdown", "id": "written", "metadata": {}, "source": text})
    return notebook


def copy_written(executed: Iterable[Executed], html: Path) -> None:
    """Put the pages that notebooks wrote, with what belongs to them, beside the notebooks' pages."""
    for each in executed:
        for path in each.beside:
            target = html / "notebooks" / path.name
            if path.is_dir():
                shutil.copytree(path, target, dirs_exist_ok=True)
            else:
                shutil.copyfile(path, target)
