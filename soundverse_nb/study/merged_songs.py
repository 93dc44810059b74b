"""Songs of several studies that share a name and not the content: each gets a name of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Names = Mapping[tuple[str, str], str]
"""By the name of a song in its study, and its content, what it is called in the merged one."""


def told_apart(songs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Names for songs, given as (name, content): the first of a name keeps it.

    >>> list(told_apart([("song", "a1"), ("song", "b2"), ("song", "a1")]).values())
    ['song', 'song (2)']
    """
    known = dict.fromkeys(songs)
    taken = {name for name, _ in known}
    first: dict[str, str] = {}
    names: dict[tuple[str, str], str] = {}
    for name, content in known:
        new, number = name, 1
        # A study that was merged before has given out such names itself.
        while first.get(new, content) != content or (
            number > 1 and new in taken and new not in first and (new, content) not in known
        ):
            number += 1
            new = f"{name} ({number})"
        first[new] = content
        names[name, content] = new
    return names


def with_all_songs(
    description: Mapping[str, Any], others: Sequence[Mapping[str, Any]], names: Names
) -> dict[str, Any]:
    """A plan's description with the songs of `others`, which have its design, beside its own.

    What it asks of a song by name it asks of those that had the same name too.
    """
    references = list(description["references"])
    twins: dict[str, list[str]] = {}
    for other in others:
        for name in other["references"]:
            new = names.get((name, other.get("contents", {}).get(name, "")), name)
            if new not in references:
                references.append(new)
                twins.setdefault(name, []).append(new)
    whole = {**description, "references": references}
    if twins:
        whole["repeats"] = [
            [part, count] for each, count in description["repeats"] for part in _of_each(each, twins)
        ]
        for key in ("extra", "excluded"):
            whole[key] = [part for each in description[key] for part in _of_each(each, twins)]
    return whole


def _of_each(cell: Mapping[str, str], twins: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    new = twins.get(cell.get("reference", ""), ())
    return [dict(cell), *({**cell, "reference": name} for name in new)]


def renamed(contents: Mapping[str, str], names: Names) -> dict[str, str]:
    """The contents of a plan's songs by the names that these have in the merged study."""
    return {names.get((name, content), name): content for name, content in contents.items()}


def said_of_names(names: Names) -> str:
    """Which songs were told apart, in a sentence; "" where none were."""
    new = [f"{name!r} as {', '.join(map(repr, several))}" for name, several in _several(names).items()]
    return (
        f"songs of one name are not one song here, and are told apart by their content: {'; '.join(new)}."
        if new
        else ""
    )


def _several(names: Names) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for (name, _), new in names.items():
        found.setdefault(name, []).append(new)
    return {name: new for name, new in found.items() if len(new) > 1}
