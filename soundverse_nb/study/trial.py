"""Trial: one remix that a plan asks for, and what makes two of them the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from soundverse_nb.api.request import RemixInstructions


@dataclass(frozen=True)
class Trial:
    """One remix that a plan asks for.

    Attributes
    ----------
    number : its place in the order, from 1.
    reference : the name of its song, whose level `Plan.references` has.
    factors : by factor the name of its level.
    instructions : prompt, lyrics and parameters as they are sent.
    replicate : 1 for the first take of its cell, 2 for the second, ...
    is_control : ordered between others to see whether the service drifts.
    control : 1 for the first control of its plan, 2 for the second, ...; 0 for what is none. It tells them
        apart, since their `replicate` moves on when more takes of their cell are asked for.
    """

    number: int
    reference: str
    factors: Mapping[str, str]
    instructions: RemixInstructions
    replicate: int
    is_control: bool = False
    control: int = 0

    def identity(self, content: str, service: str, simulated: bool) -> str:
        """A hash that is equal for equal trials, whenever and wherever they are run.

        `content` is the hash of the song, never its URL, which is signed anew each time; `service` names the
        service and the version of its endpoint. Names of levels, key and transport stay out. 4 and 4.0 are
        one number, as in JSON: a column of whole numbers with a gap comes as floats.
        """
        said = {
            "content": content,
            **self.instructions.model_dump(),
            "service": service,
            "simulated": simulated,
            "replicate": f"control {self.control}" if self.is_control else self.replicate,
        }
        return hashlib.sha256(parameters_text(said).encode()).hexdigest()


def parameters_text(given: Mapping[str, Any]) -> str:
    """Equal for what JSON makes equal: whatever the order of names, and 1 and 1.0, but not 1 and true."""
    return json.dumps(_one_number_each(given), sort_keys=True, ensure_ascii=True)


def _one_number_each(value: Any) -> Any:
    """The same with each whole number as an int."""
    if isinstance(value, Mapping):
        return {name: _one_number_each(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_one_number_each(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
