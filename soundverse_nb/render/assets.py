"""Scripts and style sheets, which are files of their own, put together for a page or a widget.

A widget's module cannot import files beside it, and a page is to need no other file: so each gets one text.
"""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent


def asset(*names: str, folder: Path = _HERE) -> str:
    """These files as one text, in this order; those that `folder` has not are shared ones, and lie here."""
    paths = [path if (path := folder / name).is_file() else _HERE / name for name in names]
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)
