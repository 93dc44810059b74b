"""RO-Crate description of an archived study: what each file is, what it was made from, and by which program.

RO-Crate 1.1 (https://w3id.org/ro/crate/1.1) is what research archives read: one JSON-LD file beside the data.
"""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from soundverse_nb.errors import import_extra

DESCRIPTION = "ro-crate-metadata.json"

_UNLICENSED = "No licence is given: ask whoever made this study before you use its audio."
_SQLITE = "application/vnd.sqlite3"  # registered with IANA


@dataclass(frozen=True)
class CrateFile:
    """A file of the archive: its path there, what it is, and the files that it was made from."""

    path: str
    name: str
    description: str = ""
    made_from: Sequence[str] = field(default=())


@dataclass(frozen=True)
class CrateFacts:
    """What is said of the archive as a whole.

    `began` and `ended` are epoch seconds of its first and last trial, `licence` is a URL, `author` a name.
    """

    title: str
    summary: str
    version: str
    began: float | None = None
    ended: float | None = None
    licence: str | None = None
    author: str | None = None


def crate_description(facts: CrateFacts, files: Sequence[CrateFile]) -> str:
    """The text of ro-crate-metadata.json. ConfigurationError without rocrate."""
    rocrate = import_extra("rocrate.rocrate", "An archive", "archive")
    model = import_extra("rocrate.model", "An archive", "archive")
    crate = rocrate.ROCrate(version="1.1")
    crate.name = facts.title
    crate.description = facts.summary

    def mention(identifier: str, **properties: Any) -> Any:
        return crate.add(model.ContextEntity(crate, identifier, properties=properties))

    crate.license = _UNLICENSED
    if facts.licence is not None:
        crate.license = mention(facts.licence, **{"@type": "CreativeWork", "name": facts.licence})
    if facts.author is not None:
        author = mention("#author", **{"@type": "Person", "name": facts.author})
        crate.root_dataset["author"] = author
    program = mention(
        "#soundverse_nb",
        **{"@type": "SoftwareApplication", "name": "soundverse_nb", "version": facts.version},
    )
    entities = {file.path: crate.add_file(None, file.path, properties=_properties(file)) for file in files}
    for file in files:
        sources = [entities[path] for path in file.made_from if path in entities]
        if sources:
            entities[file.path]["isBasedOn"] = sources[0] if len(sources) == 1 else sources
    taken = [entities[file.path] for file in files if file.made_from]
    if taken:
        action = mention("#run", **{"@type": "CreateAction", "name": "Remixes were ordered", **_times(facts)})
        action["instrument"] = program
        action["result"] = taken
        crate.root_dataset["mentions"] = action
    return json.dumps(crate.metadata.generate(), indent=1, ensure_ascii=False)


def _properties(file: CrateFile) -> Mapping[str, str]:
    kind = _SQLITE if file.path.endswith(".sqlite3") else mimetypes.guess_type(file.path)[0]
    said = {"name": file.name, "description": file.description, "encodingFormat": kind}
    return {name: value for name, value in said.items() if value}


def _times(facts: CrateFacts) -> Mapping[str, str]:
    times = {"startTime": facts.began, "endTime": facts.ended}
    return {
        name: datetime.fromtimestamp(moment, timezone.utc).isoformat(timespec="seconds")
        for name, moment in times.items()
        if moment is not None
    }
