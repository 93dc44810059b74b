"""Axes of a plan: what is varied, as named levels, checked before anything is made of them."""

from __future__ import annotations

import difflib
import json
import operator
import os
import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from soundverse_nb.errors import ConfigurationError
from soundverse_nb.reference.reference import as_reference
from soundverse_nb.remix.take_names import song_name
from soundverse_nb.render.escape import plain
from soundverse_nb.study.trial import parameters_text

Levels = dict[str, Any]
"""The levels of one axis by name, in the order given."""

_NAME = 120  # characters of a level's name


def levels(axis: str, given: Any, name_of: Callable[[Any], str], is_level: Callable[[Any], bool]) -> Levels:
    """An axis as named levels: a mapping gives the names, a list gets them from `name_of`; None is no axis.

    What `is_level` holds of is a single level. Raises ConfigurationError for an axis without a level, two
    levels of one name, and one level twice.
    """
    if given is None:
        return {}
    if is_level(given):
        given = [given]
    if isinstance(given, Mapping):
        named = [(plain(name, _NAME), level) for name, level in given.items()]
    elif isinstance(given, Iterable):
        listed = list(given)
        named = [(plain(name_of(level), _NAME), level) for level in listed]
    else:
        raise ConfigurationError(
            f"{axis}={type(given).__name__} is no list of levels.",
            hint=f"Give a list of {axis}, or a mapping of names to {axis}.",
        )
    if not named:
        raise ConfigurationError(
            f"The axis {axis} has no level, so there is nothing to order.",
            hint=f"Give at least one of the {axis}, or leave the axis out.",
        )
    found: Levels = {}
    known = _Known()
    for name, level in named:
        if not name:
            raise ConfigurationError(
                f"A level of {axis} is blank or has no name.", hint="Give each a text as its name."
            )
        if name in found:
            raise ConfigurationError(
                f"Two levels of {axis} are called {name!r}.",
                hint="repeats= orders a cell more than once; a mapping gives other names.",
            )
        same = known.name_of(name, level)
        if same is not None:
            raise ConfigurationError(
                f"The levels {same!r} and {name!r} of {axis} are the same.",
                hint="repeats= orders a cell more than once.",
            )
        found[name] = level
    return found


class _Known:
    """Levels that are there already. Texts, of which there may be thousands, are found by their hash."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._others: list[tuple[str, Any]] = []

    def name_of(self, name: str, level: Any) -> str | None:
        """The name by which a level like this is known; None for a new one, which is known from now on."""
        if type(level) is str:
            known = self._texts.setdefault(level, name)
            return None if known == name else known
        same = next((other for other, known in self._others if _is_same(known, level)), None)
        self._others.append((name, level))
        return same


def _is_same(one: Any, other: Any) -> bool:
    if one is other:
        return True
    try:
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            # As they are sent: there 1 and 1.0 are one number, and true is none.
            return parameters_text(one) == parameters_text(other)
        return bool(type(one) is type(other) and one == other)
    except Exception:  # arrays answer with an array
        return False


def reference_levels(given: Any) -> Levels:
    """Songs: paths, Clips, URLs, bytes, or (samples, rate); by default called by their files."""
    return levels("references", given, _reference_name, _is_reference)


def text_levels(axis: str, given: Any) -> Levels:
    """Prompts or lyrics; by default called by their own first line. None among them is "none"."""
    found = levels(axis, given, _text_name, lambda level: isinstance(level, str))
    for name, level in found.items():
        if level is not None and not isinstance(level, str):
            raise ConfigurationError(f"The level {name!r} of {axis} is {type(level).__name__}, not a text.")
        if level is not None and not level.strip():
            raise ConfigurationError(
                f"The level {name!r} of {axis} is blank.", hint="Give it words, or None."
            )
    return found


def parameter_levels(given: Any) -> Levels:
    """Parameters, each a mapping that JSON can hold; by default called by their JSON. None is "none".

    A mapping whose every value is a mapping (or None) names its levels; any other is a single level.
    """
    found = levels("parameters", given, _parameter_name, _is_parameters)
    for name, level in found.items():
        if level is not None and not isinstance(level, Mapping):
            raise ConfigurationError(
                f"The level {name!r} of parameters is {type(level).__name__}, not a mapping.",
                hint='For example parameters=[{"strength": 0.5}, {"strength": 1.0}].',
            )
    return found


def slot_levels(prompts: Levels, given: Mapping[str, Any] | None) -> dict[str, Levels]:
    """By slot its levels. Raises ConfigurationError where a slot of a prompt has none, or none has a slot."""
    found = {name: text_levels(f"slot {name!r}", values) for name, values in (given or {}).items()}
    used = {slot for prompt in prompts.values() for slot in slots_of(prompt)}
    for name in used - found.keys():
        raise ConfigurationError(
            f"A prompt has the slot {{{name}}}, which has no values.",
            hint=f'Give them as slots={{"{name}": [...]}}; a brace that is meant is written twice: {{{{.',
        )
    for name in found.keys() - used:
        raise ConfigurationError(
            f"No prompt has the slot {{{name}}}.",
            hint="Write the slot into a prompt, or leave its values out.",
        )
    if clash := sorted(name for name in found if name in FACTORS | COLUMNS or name.startswith("s_")):
        raise ConfigurationError(f"A slot cannot be called {clash[0]!r}.", hint="Choose another name.")
    return found


FACTORS = frozenset({"reference", "prompt", "lyrics", "parameters", "replicate"})


COLUMNS = frozenset({
    "plan", "identity", "number", "is_control", "in_plan", "state", "simulated", "order_id", "message_id",
    "started", "finished", "seconds", "seconds_to_streaming", "seconds_held_at_90", "attempts", "cost",
    "reserved", "error", "song_name", "stars", "note", "audio", "file", "same_audio_as", "extractor",
    "adopted_from", "duplicate_of", "not_measured", "metric_errors", "metric_versions",
    "prompt_sent", "lyrics_sent", "parameters_sent", "repeats",
})  # fmt: skip
"""Columns of a study's frame and of a plan's tables, beside which a slot has its own. Those of stages
begin with "s_"."""


def slots_of(prompt: str | None) -> list[str]:
    """The names of the slots in a prompt, in order: "a {mood} {style}" has mood and style."""
    if prompt is None:
        return []
    try:
        parsed = list(string.Formatter().parse(prompt))
    except ValueError as error:
        raise ConfigurationError(
            f"The prompt {plain(prompt, 80)!r} is no template: {error}.",
            hint="A slot is written {name}, a brace that is meant {{.",
        ) from None
    names = []
    for _, name, form, conversion in parsed:
        if name is None:
            continue
        if not name.isidentifier() or form or conversion:
            raise ConfigurationError(
                f"The prompt {plain(prompt, 80)!r} has a slot {{{name}}} that is no plain name.",
                hint="A slot is written {name}, a brace that is meant {{.",
            )
        names.append(name)
    return list(dict.fromkeys(names))


def filled(prompt: str | None, values: Mapping[str, str | None]) -> str | None:
    """A prompt with its slots filled in."""
    if prompt is None:
        return None
    return prompt.format(**{name: values.get(name) or "" for name in slots_of(prompt)})


def chosen(axis: str, name: Any, known: Iterable[str]) -> str:
    """The level of this name. ConfigurationError with the nearest one where there is none."""
    names = list(known)
    if isinstance(name, str) and name in names:
        return name
    near = difflib.get_close_matches(str(name), names, 1)
    raise ConfigurationError(
        f"{axis} has no level {plain(name, 80)!r}.",
        hint=f"Did you mean {near[0]!r}?" if near else f"Its levels: {', '.join(names[:12])}.",
    )


def _is_reference(given: Any) -> bool:
    if isinstance(given, (str, bytes, bytearray, os.PathLike)) or hasattr(given, "read"):
        return True
    # (samples, rate) is one song; (song, song) are two.
    return (
        isinstance(given, tuple) and len(given) == 2 and any(isinstance(part, (int, float)) for part in given)
    )


def _reference_name(given: Any) -> str:
    reference = as_reference(given)
    return song_name(
        reference.name if reference.url is not None or reference.place is None else reference.place
    )


def _text_name(text: Any) -> str:
    return "none" if text is None else " ".join(str(text).split())


def _parameter_name(given: Any) -> str:
    if given is None:
        return "none"
    try:
        return json.dumps(given, sort_keys=True, ensure_ascii=False)
    except (TypeError, ValueError):
        return str(given)


def _is_parameters(given: Any) -> bool:
    if not isinstance(given, Mapping):
        return False
    return not given or not all(level is None or isinstance(level, Mapping) for level in given.values())


def partial_cell(given: Any, axes: Mapping[str, Sequence[str] | Levels], what: str) -> dict[str, str]:
    """A cell or a part of one, as factor -> name of its level; every factor and level must be known."""
    if not isinstance(given, Mapping):
        raise ConfigurationError(
            f"{what} holds {type(given).__name__}, which is no cell.",
            hint='A cell names levels by factor: {"reference": "song", "prompt": "jazz"}.',
        )
    found = {}
    for factor, name in given.items():
        if factor not in axes:
            raise ConfigurationError(
                f"{what} names the factor {plain(factor, 40)!r}, which this plan does not vary.",
                hint=f"Its factors: {', '.join(axes)}.",
            )
        found[factor] = chosen(factor, name, axes[factor])
    return found


def whole_number(word: str, value: Any, least: int) -> int:
    """A whole number as it was given. ConfigurationError for what is none, or less than the least."""
    number = _as_int(value)
    if number is None or number < least:
        raise ConfigurationError(f"{word}={value!r} is no whole number of at least {least}.")
    return number


def _as_int(value: Any) -> int | None:
    """A whole number of any library as Python's; None for what is none, as is true or false."""
    if isinstance(value, bool) or getattr(getattr(value, "dtype", None), "kind", None) == "b":
        return None  # older NumPy takes its own for 0 and 1
    try:
        return operator.index(value)
    except TypeError:
        return None


def repeats_of(given: Any, axes: Mapping[str, Levels]) -> list[tuple[dict[str, str], int]]:
    """As (part of a cell, takes), the first of them for all cells."""
    if isinstance(given, bool) or _as_int(given) is not None:
        return [({}, whole_number("repeats", given, 1))]
    found: list[tuple[dict[str, str], int]] = []
    for entry in given if isinstance(given, Iterable) else [given]:
        if not isinstance(entry, (tuple, list)) or len(entry) != 2:
            raise ConfigurationError(
                "repeats= is a number, or a list of (cell, number).",
                hint='For example repeats=[({}, 2), ({"prompt": "jazz"}, 5)].',
            )
        found.append((partial_cell(entry[0], axes, "repeats"), whole_number("repeats", entry[1], 1)))
    return found if found and not found[0][0] else [({}, 1), *found]
