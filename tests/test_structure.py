"""The shape of the package, so that it stays one to find one's way in."""

from __future__ import annotations

import ast
import re
import statistics
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import soundverse_nb
from tests.test_layers import FILES, PACKAGE, imports

if TYPE_CHECKING:
    from typing import TypeGuard

MOST_FILES = 317
LEAST_MEDIAN = 130
MOST_LINES = 450
MOST_INNER_IMPORTS = 30
MOST_FILES_OF_THE_CLIENT = 18  # beside its two folders

# The field has other words: an order is tracked, sound is measured, a display shows progress. Each is
# looked for as a part of a name, however it is written: `_outbox`, `SeatOf`, `REGION_PATIENCE`.
OLD_WORDS = frozenset({
    "hearing", "audience", "seat", "seats", "watcher", "watchers", "news", "wish", "wishes", "ear", "ears",
    "doubt", "yardstick", "outbox", "patience", "door", "engine", "tally", "mend", "mends", "mended",
})  # fmt: skip
OLD_NAMES = frozenset({
    "Heard", "Stretch", "Wanted", "want", "want_each", "want_all", "quantity", "bring_home", "left_behind",
    "kept_words",
})  # fmt: skip
# Looking at every name of every file would take seconds: only files that hold such a word at all are read.
_LOOKS_OLD = re.compile(
    rf"\b({'|'.join(sorted(OLD_NAMES))})\b|"
    + "|".join(
        rf"(?<![a-z]){word}(?![a-z])|{word.title()}(?![a-z])|(?<![A-Z]){word.upper()}(?![A-Z])"
        for word in sorted(OLD_WORDS)
    )
)
_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def _module(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_module(path): path for path in FILES}


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _names(tree: ast.AST) -> Iterator[str]:
    """Every name in a file: what stands in its nodes as text, but for the texts themselves."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant):
            for _, value in ast.iter_fields(node):
                values = value if isinstance(value, list) else [value]
                yield from (each for each in values if isinstance(each, str))


def _passed_on() -> dict[str, str]:
    """Each word that a folder's `__init__` passes on, and where that has it from."""
    words = {}
    for name, path in MODULES.items():
        for face in (path, path.with_suffix(".pyi")):
            if path.name != "__init__.py" or not face.exists():
                continue
            for node in _tree(face).body:
                if isinstance(node, ast.ImportFrom) and node.module:
                    home = f"{name}.{node.module}" if node.level else node.module
                    words.update({f"{name}.{a.asname or a.name}": f"{home}.{a.name}" for a in node.names})
    return words


PASSED_ON = _passed_on()


def _imported(name: str) -> str | None:
    """The module of the package that an imported name comes from in the end."""
    while name in PASSED_ON:
        name = PASSED_ON[name]
    while name and name not in MODULES:
        name = name.rpartition(".")[0]
    return name if name and name != soundverse_nb.__name__ else None


def test_no_file_imports_itself_by_way_of_others() -> None:
    below: dict[str, set[str]] = defaultdict(set)
    for found in imports():
        target = _imported(found.name)
        if target is not None and target != _module(found.path):
            below[_module(found.path)].add(target)
    # An __init__ imports what it passes on; who takes a word from it was led to that word's own file.
    rest = {name: below[name] for name in MODULES if MODULES[name].name != "__init__.py"}
    while free := {name for name, targets in rest.items() if not targets & set(rest)}:
        for name in free:
            del rest[name]
    assert not rest, "a circle among " + ", ".join(sorted(rest))


def test_the_journal_and_the_life_of_an_order_are_sealed() -> None:
    journal, order = PACKAGE / "client" / "journal", PACKAGE / "client" / "order"
    wrong = []
    for found in imports():
        inner = found.name.removeprefix("soundverse_nb.client.")
        if inner == found.name:
            continue
        from_journal, from_order = journal in found.path.parents, order in found.path.parents
        if from_journal and not inner.startswith("journal"):
            wrong.append(str(found))
        is_face = found.path.name in ("client.py", "__init__.py")
        in_client = found.path.parent == PACKAGE / "client"
        if in_client and not is_face and not from_order and inner.split(".")[0] == "order":
            wrong.append(str(found))
        outside = PACKAGE / "client" not in found.path.parents
        if outside and inner.split(".")[0] == "order" and not inner.startswith("order.labelled"):
            wrong.append(str(found))
    assert not wrong, "\n".join(wrong)


def test_files_are_neither_crumbs_nor_heaps() -> None:
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert len(lines) <= MOST_FILES
    assert statistics.median(lines.values()) >= LEAST_MEDIAN
    assert not [path for path, count in lines.items() if count > MOST_LINES]
    assert len(list((PACKAGE / "client").glob("*.py"))) <= MOST_FILES_OF_THE_CLIENT


def _is_own(node: ast.AST) -> TypeGuard[ast.ImportFrom | ast.Import]:
    if isinstance(node, ast.ImportFrom):
        return node.level > 0 or (node.module or "").split(".")[0] == soundverse_nb.__name__
    return isinstance(node, ast.Import) and any(
        alias.name.split(".")[0] == soundverse_nb.__name__ for alias in node.names
    )


def test_imports_inside_functions_are_few_and_have_their_reason_beside_them() -> None:
    inner = set()
    for path in FILES:
        for function in ast.walk(_tree(path)):
            if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
                inner |= {(path, node.lineno) for node in ast.walk(function) if _is_own(node)}
    bare = []
    for path, line in sorted(inner):
        above, here = path.read_text(encoding="utf-8").splitlines()[line - 2 : line]
        if "#" not in here and not above.lstrip().startswith("#"):
            bare.append(f"{path.relative_to(PACKAGE.parent)}:{line}")
    assert not bare, bare
    assert len(inner) <= MOST_INNER_IMPORTS


def test_what_nobody_asked_for_is_said_in_one_way() -> None:
    """By `displays.notice`, on the error stream. What a call is there to print goes to the output."""
    prints = {
        path.relative_to(PACKAGE).as_posix()
        for path in FILES
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    }
    say_which_service_it_is = {"client/connect.py", "client/client.py"}
    show_progress_or_serve = {"widgets/terminal.py", "simulator/server.py"}
    left = {name for name in prints if not name.startswith("cli/")}
    assert left == {"displays.py"} | say_which_service_it_is | show_progress_or_serve


def test_the_old_words_stay_gone() -> None:
    root = PACKAGE.parent
    others = [path for top in ("tests", "benchmarks", "tools") for path in sorted((root / top).rglob("*.py"))]
    found = []
    for path in [*FILES, *others]:
        source = f"{path.stem}\n" + path.read_text(encoding="utf-8")
        if not _LOOKS_OLD.search(source):
            continue
        for name in {path.stem, *_names(_tree(path))}:
            parts = {part.lower() for part in _PART.findall(name)}
            if parts & OLD_WORDS or (path in FILES and name in OLD_NAMES):
                found.append(f"{path.relative_to(root)}: {name}")
    assert not found, "\n".join(found)


def test_a_module_says_what_it_is() -> None:
    riddles = re.compile(r"(What|Whether|Where|How|Why|Who|Which) ")
    telling = [path for path in FILES if not riddles.match(ast.get_docstring(_tree(path)) or "")]
    assert len(telling) >= 0.9 * len(FILES)
