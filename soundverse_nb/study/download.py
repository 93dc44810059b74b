"""Download of a study: its archive beside the notebook, and a button that brings it to the reader's own disk.

A kernel may run on a machine that is gone tomorrow: Binder ends one that was idle for ten minutes, a hub may
forget its disk. The button is a link to the archive, relative to the notebook, which the front end turns into
an address of its own server, whatever that is called. No byte of the archive goes through the kernel or into
the notebook.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from soundverse_nb.errors import ConfigurationError
from soundverse_nb.render.colours import VERDICTS
from soundverse_nb.render.escape import NO_MATH, fill, one_line, plain, verbatim
from soundverse_nb.render.units import size

_BUTTON = (
    "display:inline-block;padding:6px 14px;border-radius:4px;text-decoration:none;font-weight:600;"
    f"color:#ffffff;background-color:{VERDICTS[True]}"
)
_FAINT = "opacity:0.75;overflow-wrap:anywhere"
# Jupyter's server names the notebook that a kernel was started for.
_NOTEBOOK = "JPY_SESSION_NAME"


@dataclass(frozen=True)
class Download:
    """A file that is ready to be downloaded; in a notebook it shows itself as a button.

    `path` is where it lies on the kernel's machine, `notebook_folder` where the notebook lies there: the link
    is relative to that.
    """

    path: Path
    notebook_folder: Path

    @property
    def href(self) -> str | None:
        """The link, relative to the notebook; None where none leads there (another drive)."""
        try:
            relative = os.path.relpath(self.path, self.notebook_folder)
        except ValueError:
            return None
        return quote(Path(relative).as_posix(), errors="surrogateescape")

    def __repr__(self) -> str:
        return f"{self.path} ({self._size})"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": plain(repr(self), 1000), "text/html": self._html()}

    def _html(self) -> str:
        name, href = one_line(self.path.name), self.href
        button = fill("<b>{}</b>", name)
        if href is not None:
            # With `download` JupyterLab leaves the click to the browser, and opens no tab of its own.
            button = fill(
                '<a href="{}" download="{}" style="{}">Download {}</a>',
                verbatim(href, 4000),
                verbatim(name),
                verbatim(_BUTTON),
                name,
            )
        return str(
            fill(
                f'<div class="{NO_MATH}" '
                'style="line-height:1.5;padding:4px 0">{} <span style="{}">{}</span>'
                '<div style="{};margin:6px 0 0">On the kernel\'s machine: {}</div></div>',
                button,
                _FAINT,
                self._size,
                _FAINT,
                verbatim(one_line(str(self.path)), 1000),
            )
        )

    @property
    def _size(self) -> str:
        try:
            return size(self.path.stat().st_size)
        except OSError:
            return "gone"


def notebook_folder() -> Path:
    """Where the notebook of this kernel lies; the working folder where the front end does not say."""
    named = os.environ.get(_NOTEBOOK, "")
    folder = Path(named).parent
    return folder if folder.is_absolute() and folder.is_dir() else Path.cwd()


def place_for(study: Path, path: Path | None) -> Path:
    """Where the archive to download goes: beside the notebook, unless it was said.

    ConfigurationError for a folder.
    """
    target = notebook_folder() / f"{study.name}.zip" if path is None else path.absolute()
    if target.is_dir():
        raise ConfigurationError(
            f"{plain(target.name)} is a folder; path= names the zip itself.", hint='For example "study.zip".'
        )
    return target
