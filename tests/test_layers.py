"""The package's architecture, as rules: who may import whom, and who may load what.

Read from the source by `ast`, so imports inside functions count as much as those at the top, and so
does `import_module("...")` with a name spelled out.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import soundverse_nb

PACKAGE = Path(soundverse_nb.__file__).parent

# Layer -> the layers it may import besides itself. Only downward, and never a sibling.
_BASE = {
    "errors",
    "advice",
    "displays",
    "running_simulators",
    "urls",
    "filetype",
    "mpeg_audio",
    "cancellation",
    "worker_count",
}
_WIRE_AND_PICTURES = {*_BASE, "audio", "api", "render"}
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "advice": set(),
    "displays": {"advice"},
    "running_simulators": set(),
    "urls": set(),
    "mpeg_audio": set(),
    "filetype": {"mpeg_audio"},
    "cancellation": set(),
    "worker_count": set(),
    "audio": _BASE,
    "examples": set(),
    "api": _BASE,
    "render": {*_BASE, "audio"},
    "reference": _WIRE_AND_PICTURES,
    "hosting": _WIRE_AND_PICTURES,
    "simulator": {*_BASE, "audio"},
    "remix": {*_WIRE_AND_PICTURES, "measures"},
    "measures": {*_BASE, "render"},
    "analysis": {*_WIRE_AND_PICTURES, "reference", "remix", "measures"},
    "study": {*_WIRE_AND_PICTURES, "reference", "remix", "measures", "analysis", "client"},
    "client": {*_WIRE_AND_PICTURES, "reference", "hosting", "simulator", "remix", "examples"},
    "widgets": {*_WIRE_AND_PICTURES, "reference", "remix", "measures", "analysis", "client"},
    "cli": {
        *_WIRE_AND_PICTURES,
        "reference",
        "hosting",
        "simulator",
        "remix",
        "measures",
        "analysis",
        "client",
        "study",
        "widgets",
        "examples",
    },
    "__main__": {"cli"},
    # It names every home as text and loads only this.
    "__init__": {"displays"},
}

# Library -> the layers that may import it at all, wherever in a file.
ONLY_IN: dict[str, set[str]] = {
    "ipywidgets": {"widgets"},
    "anywidget": {"widgets"},
    "IPython": {"widgets", "client"},
    "aiohttp": {"api", "hosting", "simulator", "client"},
    "requests": set(),
    "httpx": set(),
    "nest_asyncio": {"client"},
    "nest_asyncio2": {"client"},
}

# `api` knows no audio, `audio` no network.
NEVER_IN: dict[str, set[str]] = {
    "api": {"numpy", "soundfile", "av", "librosa", "scipy", "PIL"},
    "audio": {"aiohttp", "urllib.request", "http", "socket", "ssl"},
}

# Slow to load: only inside the function that needs them.
NEVER_AT_THE_TOP = {
    "librosa", "numba", "scipy", "sklearn", "pandas", "matplotlib", "pyloudnorm", "obstore", "statsmodels",
}  # fmt: skip
# These folders are loaded when a song is analysed, and by nothing that is loaded before: there scipy may be.
LOADED_TO_ANALYSE = {"audio/features": {"scipy"}, "audio/similarity": {"scipy"}}


@dataclass(frozen=True)
class Import:
    path: Path
    line: int
    name: str
    at_the_top: bool

    @property
    def layer(self) -> str:
        inside = self.path.relative_to(PACKAGE)
        return inside.parts[0] if len(inside.parts) > 1 else inside.stem

    def __str__(self) -> str:
        return f"{self.path.relative_to(PACKAGE.parent)}:{self.line} imports {self.name}"


def _names(node: ast.AST, package: list[str]) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = ([] if not node.level else package[: len(package) - node.level + 1]) + (
            node.module.split(".") if node.module else []
        )
        return [".".join([*base, alias.name]) for alias in node.names]
    if (
        isinstance(node, ast.Call)
        and getattr(node.func, "attr", getattr(node.func, "id", None)) in ("import_module", "__import__")
        and node.args
        and isinstance(node.args[0], ast.Constant)
    ):
        return [str(node.args[0].value)]
    return []


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def _walk(node: ast.AST, at_the_top: bool, typing_only: bool) -> Iterator[tuple[ast.AST, bool, bool]]:
    for child in ast.iter_child_nodes(node):
        inside = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        for_types = typing_only or _is_type_checking(child)
        yield child, at_the_top, for_types
        yield from _walk(child, at_the_top and not inside, for_types)


def imports_of(path: Path) -> list[Import]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = list(path.relative_to(PACKAGE.parent).parent.parts)
    is_front = path == PACKAGE / "__init__.py"
    # `import soundverse_nb` imports whatever words of it are used afterwards.
    words = [
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "soundverse_nb"
    ]
    return [
        Import(path, node.lineno, name, at_the_top and not for_types)  # type: ignore[attr-defined]
        for node, at_the_top, for_types in _walk(tree, at_the_top=True, typing_only=False)
        # What the package itself tells type checkers is not loaded; elsewhere a type is a dependency too.
        if not (is_front and for_types)
        for imported in _names(node, package)
        for name in ([f"{imported}.{word}" for word in words] if imported == "soundverse_nb" else [imported])
    ]


def _layer_of(name: str) -> str | None:
    """The layer an imported name belongs to; "__init__" for a word taken from the package itself."""
    parts = name.split(".")
    if parts[0] != "soundverse_nb":
        return None
    if len(parts) == 1 or parts[1] not in MAY_IMPORT:
        return "__init__"
    return parts[1]


FILES = sorted(PACKAGE.rglob("*.py"))


@cache
def imports() -> list[Import]:
    """Those of the whole package: reading it takes seconds, which collecting the tests need not take."""
    return [found for path in FILES for found in imports_of(path)]


def _within(name: str, library: str) -> bool:
    return name == library or name.startswith(library + ".")


def test_every_layer_is_known() -> None:
    layers = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in FILES}
    assert layers <= set(MAY_IMPORT), "a new layer needs its place in MAY_IMPORT"


def test_imports_point_downward_only() -> None:
    wrong = []
    for found in imports():
        target = _layer_of(found.name)
        if target is None or target == found.layer or target in MAY_IMPORT[found.layer]:
            continue
        # The version and the package's own place are nobody's layer; nothing else comes from its __init__.
        if found.name in ("soundverse_nb.__version__", "soundverse_nb.__file__"):
            continue
        wrong.append(str(found))
    assert not wrong, "\n".join(wrong)


def test_the_graph_of_layers_has_no_cycle() -> None:
    rest = {layer: set(below) - {layer} for layer, below in MAY_IMPORT.items()}
    while free := {layer for layer, below in rest.items() if not below & set(rest)}:
        for layer in free:
            del rest[layer]
    assert not rest


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_library_stays_in_its_layers(library: str) -> None:
    wrong = [str(i) for i in imports() if _within(i.name, library) and i.layer not in ONLY_IN[library]]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("layer", NEVER_IN)
def test_audio_knows_no_network_and_the_wire_no_audio(layer: str) -> None:
    within = [found for found in imports() if found.layer == layer]
    wrong = [str(found) for found in within if any(_within(found.name, name) for name in NEVER_IN[layer])]
    assert not wrong, "\n".join(wrong)


def test_slow_libraries_are_imported_where_they_are_used() -> None:
    wrong = []
    for found in imports():
        folder = found.path.relative_to(PACKAGE).parent.as_posix()
        slow = NEVER_AT_THE_TOP - LOADED_TO_ANALYSE.get(folder, set())
        if found.at_the_top and found.name.split(".")[0] in slow:
            wrong.append(str(found))
    assert not wrong, "\n".join(wrong)


def test_the_reader_of_imports_sees_every_way_of_importing(tmp_path: Path) -> None:
    source = (
        "from typing import TYPE_CHECKING\n"
        "import numpy\n"
        "from . import sibling\n"
        "from ..client import Client\n"
        "if TYPE_CHECKING:\n    import pandas\n"
        "class A:\n    import scipy\n"
        "def f():\n    from soundverse_nb.remix import Remix\n    import_module('soundverse_nb.cli')\n"
    )
    path = PACKAGE / "api" / "imagined.py"
    tree = ast.parse(source)
    package = list(path.relative_to(PACKAGE.parent).parent.parts)
    seen = {
        (name, top and not typed)
        for node, top, typed in _walk(tree, at_the_top=True, typing_only=False)
        for name in _names(node, package)
    }
    assert seen == {
        ("typing.TYPE_CHECKING", True),
        ("numpy", True),
        ("soundverse_nb.api.sibling", True),
        ("soundverse_nb.client.Client", True),
        ("pandas", False),
        ("scipy", True),
        ("soundverse_nb.remix.Remix", False),
        ("soundverse_nb.cli", False),
    }


def _within_client(found: Import) -> tuple[str, str] | None:
    """From which part of client/ an import goes to which: a folder, or a file of it."""
    parts, names = found.path.relative_to(PACKAGE).parts, found.name.split(".")
    if parts[0] != "client" or names[:2] != ["soundverse_nb", "client"] or len(names) < 3:
        return None
    return parts[1].removesuffix(".py"), names[2]


def test_the_journal_imports_nothing_else_of_the_client() -> None:
    ways = {way for found in imports() if (way := _within_client(found))}
    assert {to for start, to in ways if start == "journal"} == {"journal"}


def test_only_the_client_itself_imports_the_life_of_an_order() -> None:
    ways = {way for found in imports() if (way := _within_client(found))}
    assert {start for start, to in ways if to == "order"} == {"order", "client", "__init__"}
