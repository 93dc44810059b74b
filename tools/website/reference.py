"""The pages of the reference: every public word in the group where people look for it."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent
from typing import Any

from tools.website.docstrings import as_rst

PACKAGE = "soundverse_nb"


@dataclass(frozen=True)
class Group:
    """Words that belong together, each with a page of its own, and a sentence above their list."""

    title: str
    text: str
    words: tuple[str, ...]


GROUPS = (
    Group(
        "Check a song",
        "Free, on this machine, before anything is sent.",
        ("preflight", "preflight_all", "repair", "PreflightReport", "Limits", "example_song"),
    ),
    Group(
        "Order remixes",
        "One or many, awaited, blocking or in the background.",
        ("connect", "Client", "RemixJob", "RemixRequest", "RemixEvent", "Stage", "enable_nested"),
    ),
    Group("Hear and keep", "What comes back.", ("Remix", "RemixList", "Clip", "compare")),
    Group(
        "Measure",
        "What a song is, and what a remix kept of it and changed.",
        (
            "analyse",
            "analyse_all",
            "compare_audio",
            "compare_all",
            "Features",
            "Difference",
            "metric",
            "analysis",
        ),
    ),
    Group("Studies", "Many remixes of one plan, compared.", ("Plan", "Study", "merge")),
    Group(
        "Services and hosts",
        "The embedded service, and places from which a service fetches your songs.",
        ("simulator", "hosting"),
    ),
)

SECTIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "Client": {
        "Order": ("remix", "remix_all", "start", "start_all", "remix_sync", "remix_all_sync"),
        "Follow": ("stream", "status", "concurrency"),
        "Find again": ("orders", "remixes", "recover", "recover_sync"),
        "Which service, and the end": ("is_embedded", "base_url", "close", "aclose"),
    },
    "Remix": {
        "Hear and keep": ("compare", "save", "static_html"),
        "Measure": ("difference",),
        "How it came about": ("title", "song", "events", "timeline", "seconds"),
    },
    "RemixList": {
        "What came, and what did not": ("remixes", "failed", "retry_failed", "asked", "titles", "summary"),
        "Hear and keep": ("gallery", "ratings", "compare", "save", "static_html"),
        "Numbers": ("to_frame", "differences"),
        "As a list": ("copy",),
    },
    "Plan": {
        "What is in it": ("axes", "cells", "trials", "to_frame", "description", "hash"),
        "Before it is paid": ("estimate",),
        "Files and tables": ("save", "load", "from_frame", "from_description"),
        "Many machines": ("shard", "part", "share"),
    },
    "Study": {
        "Run": ("run", "start", "run_sync", "preview", "changes"),
        "While it runs": ("pause", "resume", "stop_after_current", "is_running", "is_paused"),
        "How it stands": ("headline", "plan", "trials", "spent", "simulated_cost", "reserved", "unknown"),
        "Hear": ("gallery", "clip", "difference", "mark"),
        "Measure later": ("measure", "measure_sync"),
        "Say": ("to_frame", "summary", "plot", "plot_timeline", "precision", "mixed_model"),
        "Hand on": ("report", "save", "download", "open_zip", "adopt", "close"),
    },
}
"""The methods of large classes in groups; those of all others stand in the order of their source."""

VALUES = {
    "What calls of a client give": (
        "client",
        ("OrderTable", "Order", "OrderState", "Recovered", "Timeouts", "ConcurrencyLimiter", "LimitChange"),
    ),
    "What preflight gives": (
        "reference",
        ("AudioFacts", "Problem", "PreflightTable", "Repair", "LibrosaDuration"),
    ),
    "What a remix is made of": ("remix", ("Comparison", "TimedEvent", "StageSpan")),
    "What a study gives": ("study", ("TrialState",)),
}
"""Values one meets but does not make, by the module that exports them; they share a page."""

# Of pydantic's and of errors' own machinery: nothing to call.
_LEFT_OUT = {"model_config", "model_post_init", "usual_hint", "usual_spent"}


def public(name: str) -> Any:
    """A public word of the package by its name, such as "Client"."""
    return getattr(importlib.import_module(PACKAGE), name)


def public_words() -> list[str]:
    """Every public word but the version."""
    words: list[str] = importlib.import_module(PACKAGE).__all__
    return [word for word in words if not word.startswith("__")]


def home_of_words() -> dict[str, str]:
    """Every word of the reference, and its full name."""
    own = {word: f"{PACKAGE}.{word}" for word in public_words()}
    homes = [(word, public(word).__all__) for word in own if inspect.ismodule(public(word))]
    homes += list(VALUES.values())
    return {name: f"{PACKAGE}.{home}.{name}" for home, names in homes for name in names} | own


def errors() -> list[str]:
    """The public errors, base classes before theirs, in the order of their source."""
    module = importlib.import_module(f"{PACKAGE}.errors")
    words = set(public_words())
    return [name for name, value in vars(module).items() if name in words and inspect.isclass(value)]


def documented_members(thing: type) -> list[str]:
    """What of a class is public, the package's own and explained: inherited ones after its own."""
    names: dict[str, None] = {}
    for home in thing.__mro__:
        if home.__module__.partition(".")[0] != PACKAGE:
            continue
        for name, value in vars(home).items():
            called = isinstance(value, (property, classmethod, staticmethod)) or callable(value)
            described = called or hasattr(value, "func")  # a cached property
            if described and not name.startswith("_") and name not in _LEFT_OUT and inspect.getdoc(value):
                names[name] = None
    return list(names)


def pages() -> Iterator[tuple[str, str]]:
    """Each page's name, without an ending, and its text."""
    yield "index", _index()
    for group in GROUPS:
        for word in group.words:
            yield word, _page(word)
    yield "errors", _errors()
    yield "values", _values()


def write(folder: Path) -> None:
    """Write all pages into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages():
        (folder / f"{name}.rst").write_text(text, encoding="utf-8")


def _heading(text: str, line: str = "=") -> str:
    return f"{text}\n{line * len(text)}\n\n"


def _first_line(thing: Any) -> str:
    doc = (inspect.getdoc(thing) or "").partition("\n\n")[0].replace("\n", " ")
    return as_rst([doc])[0]


def _index() -> str:
    parts = [
        _heading("Reference"),
        "Everything is reached from ``import soundverse_nb as sv``, and loaded when it is first used.\n"
        "Whatever waits for the service is awaited, and has a twin that blocks (``..._sync``).\n\n",
    ]
    for group in GROUPS:
        parts += [_heading(group.title, "-"), f"{group.text}\n\n", _table(group.words)]
        parts.append(_toctree(group.words, group.title))
    parts += [
        _heading("Errors, and values one meets", "-"),
        "Every error says what happened, whether money may have been spent, and what to do next:\n"
        ":doc:`errors`. What calls give back shows itself, and is described in :doc:`values`.\n\n",
        _toctree(("errors", "values"), "Errors and values"),
    ]
    return "".join(parts)


def _table(words: tuple[str, ...]) -> str:
    rows = [
        f"   * - :py:obj:`sv.{word} <{PACKAGE}.{word}>`\n     - {_first_line(public(word))}\n"
        for word in words
    ]
    return ".. list-table::\n   :widths: 30 70\n   :class: words\n\n" + "".join(rows) + "\n"


def _toctree(words: tuple[str, ...], caption: str) -> str:
    lines = [f"   {word if word in ('errors', 'values') else f'sv.{word} <{word}>'}\n" for word in words]
    return f".. toctree::\n   :hidden:\n   :caption: {caption}\n\n" + "".join(lines) + "\n"


def _page(word: str) -> str:
    thing = public(word)
    if inspect.ismodule(thing):
        return _module_page(word, thing)
    return _heading(f"sv.{word}") + "".join(_described(PACKAGE, word, thing, SECTIONS.get(word)))


def _described(
    module: str, name: str, thing: Any, sections: dict[str, tuple[str, ...]] | None = None
) -> Iterator[str]:
    """The directives for a function, a class with its members, or a value."""
    yield f".. currentmodule:: {module}\n\n"
    if isinstance(thing, Mapping):
        yield from _faults(name, thing)
        return
    if not inspect.isclass(thing):
        yield f".. autofunction:: {name}\n\n"
        return
    if issubclass(thing, BaseException):
        yield f".. autoexception:: {name}\n   :show-inheritance:\n\n"
        return
    if hasattr(thing, "__members__"):  # an enumeration
        yield f".. autoclass:: {name}\n   :members:\n   :undoc-members:\n   :member-order: bysource\n\n"
        return
    yield f".. autoclass:: {name}\n\n"
    if sections is None:
        for member in documented_members(thing):
            yield f"   .. {_kind(thing, member)}:: {member}\n\n"
        return
    for title, members in sections.items():
        yield _heading(title, "-")
        for member in members:
            yield f".. {_kind(thing, member)}:: {name}.{member}\n\n"


def _faults(name: str, faults: Mapping[str, Any]) -> Iterator[str]:
    """The faults that the embedded service knows, as a table under what their module says of them."""
    text = inspect.getdoc(importlib.import_module(f"{PACKAGE}.simulator.faults")) or ""
    yield f".. py:data:: {name}\n\n" + indent("\n".join(as_rst(text.splitlines())), "   ") + "\n"
    yield "   .. list-table::\n      :header-rows: 1\n      :widths: 26 14 60\n\n"
    yield "      * - name\n        - where\n        - what goes wrong\n"
    for fault, kind in faults.items():
        what = as_rst([kind.what])[0]
        yield f"      * - ``{fault}``\n        - {kind.where.value}\n        - {what}\n"
    yield "\n"


def _kind(thing: type, member: str) -> str:
    value = inspect.getattr_static(thing, member)
    is_value = isinstance(value, property) or (hasattr(value, "func") and not callable(value))
    return "autoproperty" if is_value else "automethod"


def _module_page(word: str, module: Any) -> str:
    parts = [_heading(f"sv.{word}"), f".. automodule:: {PACKAGE}.{word}\n   :no-members:\n\n"]
    for name in sorted(module.__all__, key=str.lower):
        if name not in public_words():
            parts += _described(f"{PACKAGE}.{word}", name, getattr(module, name))
    return "".join(parts)


def _errors() -> str:
    parts = [
        _heading("Errors"),
        "All are ``sv.SoundverseError``. What each one's text ends with, unless the case says otherwise,\n"
        "stands in the table: whether money may have been spent, and what to do next.\n\n",
        ".. list-table::\n   :header-rows: 1\n   :widths: 34 22 44\n\n"
        "   * - error\n     - paid?\n     - what to do next\n",
    ]
    for name in errors():
        error = public(name)
        hint = error.usual_hint.replace("*", r"\*") or "what its text says"
        cells = (f":py:exc:`{name} <{PACKAGE}.{name}>`", error.usual_spent.sentence, hint)
        parts.append("   * - " + "\n     - ".join(cells) + "\n")
    parts.append("\n")
    for name in errors():
        parts += _described(PACKAGE, name, public(name))
    return "".join(parts)


def _values() -> str:
    parts = [
        _heading("Values one meets"),
        "Nobody has to make these; calls give them. Most show themselves.\n\n",
    ]
    for title, (module, names) in VALUES.items():
        home = importlib.import_module(f"{PACKAGE}.{module}")
        parts.append(_heading(title, "-"))
        for name in names:
            parts += _described(f"{PACKAGE}.{module}", name, getattr(home, name))
    return "".join(parts)
