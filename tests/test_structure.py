"""The shape of the package, so that it stays one to find one's way in."""

from __future__ import annotations

import ast
import io
import re
import statistics
import tokenize
from collections import defaultdict
from pathlib import Path

import soundverse_nb
from tests.test_layers import FILES, IMPORTS, PACKAGE

MOST_FILES = 190
LEAST_MEDIAN = 130
MOST_LINES = 450
MOST_INNER_IMPORTS = 30

# What the field has other words for: an order is tracked, sound is measured, a display shows progress.
OLD_WORDS = frozenset(
    [
        "Hearing",
        "hearing",
        "Audience",
        "audience",
        "Seat",
        "seat",
        "Watcher",
        "watcher",
        "News",
        "Wish",
        "wish",
        "Wanted",
        "want",
        "want_each",
        "want_all",
        "Heard",
        "Ear",
        "Ears",
        "Doubt",
        "Stretch",
        "Yardstick",
        "yardstick",
        "Outbox",
        "Patience",
        "patience",
        "Door",
        "Engine",
        "mend",
        "quantity",
        "bring_home",
        "left_behind",
        "kept_words",
    ]
)


def _module(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_module(path): path for path in FILES}


def _imported(name: str) -> str | None:
    """The module of the package that an imported name is, or comes from."""
    while name and name not in MODULES:
        name = name.rpartition(".")[0]
    return name if name and name != soundverse_nb.__name__ else None


def test_no_file_imports_itself_by_way_of_others() -> None:
    below: dict[str, set[str]] = defaultdict(set)
    for found in IMPORTS:
        target = _imported(found.name)
        if target is not None and target != _module(found.path):
            below[_module(found.path)].add(target)
    # A package's __init__ passes on what its files define.
    rest = {name: below[name] for name in MODULES if MODULES[name].name != "__init__.py"}
    while free := {name for name, targets in rest.items() if not targets & set(rest)}:
        for name in free:
            del rest[name]
    assert not rest, "a circle among " + ", ".join(sorted(rest))


def test_the_journal_and_the_life_of_an_order_are_sealed() -> None:
    journal, order = PACKAGE / "client" / "journal", PACKAGE / "client" / "order"
    wrong = []
    for found in IMPORTS:
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
    assert not wrong, "\n".join(wrong)


def test_files_are_neither_crumbs_nor_heaps() -> None:
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert len(lines) <= MOST_FILES
    assert statistics.median(lines.values()) >= LEAST_MEDIAN
    assert not [path for path, count in lines.items() if count > MOST_LINES]


def test_imports_inside_functions_are_few_and_have_their_reason_beside_them() -> None:
    inner, bare = 0, []
    for path in FILES:
        source = path.read_text(encoding="utf-8").splitlines()
        tree = ast.parse("\n".join(source))
        at_the_top = {id(node) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        for function in ast.walk(tree):
            if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            for node in ast.walk(function):
                if not isinstance(node, ast.ImportFrom) or id(node) not in at_the_top:
                    continue
                if not (node.module or "").startswith("soundverse_nb"):
                    continue
                at_the_top.discard(id(node))
                inner += 1
                above, here = source[node.lineno - 2], source[node.lineno - 1]
                if "#" not in here and not above.lstrip().startswith("#"):
                    bare.append(f"{path.relative_to(PACKAGE.parent)}:{node.lineno}")
    assert not bare, bare
    assert inner <= MOST_INNER_IMPORTS


def test_the_old_words_stay_gone() -> None:
    found = [
        f"{path.relative_to(PACKAGE.parent)}:{token.start[0]} {token.string}"
        for path in FILES
        for token in tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)
        if token.type == tokenize.NAME and token.string in OLD_WORDS
    ]
    assert not found, "\n".join(found)


def test_a_module_says_what_it_is() -> None:
    riddles = re.compile(r"(What|Whether|Where|How|Why|Who|Which) ")
    telling = [
        path
        for path in FILES
        if not riddles.match(ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "")
    ]
    assert len(telling) >= 0.9 * len(FILES)
