"""Reading the body of POST /v7/generate/remix the way the service's framework would."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, StrictStr, ValidationError

from soundverse_nb.errors import ConfigurationError
from soundverse_nb.simulator.faults import Fault, read_faults
from soundverse_nb.simulator.refusals import invalid_fields, neither_prompt_nor_lyrics


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    song_reference_url: StrictStr
    prompt: StrictStr | None = None
    lyrics: StrictStr | None = None
    parameters: dict[str, Any] | None = None


@dataclass(frozen=True)
class Submission:
    """One order as it was sent: what to remix, how, and which faults it asked for.

    `request_hash` is the SHA-256 of the whole body, `parameters` a canonical JSON text without "simulate".
    """

    song_reference_url: str
    prompt: str
    lyrics: str
    parameters: str
    faults: tuple[Fault, ...]
    request_hash: str


def read_submission(body: bytes) -> Submission:
    """The order in this body; raises Refusal, with the documented body where the document has one."""
    try:
        read = _Body.model_validate_json(body)
    except ValidationError as error:
        raise invalid_fields([_problem(dict(one)) for one in error.errors(include_url=False)]) from None
    if not (read.prompt or "").strip() and not (read.lyrics or "").strip():
        raise neither_prompt_nor_lyrics()
    parameters = dict(read.parameters or {})
    try:
        faults = read_faults(parameters.pop("simulate", None))
    except ConfigurationError as error:
        problem = {"type": "value_error", "loc": ["body", "parameters", "simulate"], "msg": str(error)}
        raise invalid_fields([problem]) from None
    return Submission(
        song_reference_url=read.song_reference_url,
        prompt=(read.prompt or "").strip(),
        lyrics=(read.lyrics or "").strip(),
        parameters=json.dumps(parameters, sort_keys=True),
        faults=faults,
        request_hash=hashlib.sha256(body).hexdigest(),
    )


def _problem(error: dict[str, Any]) -> dict[str, Any]:
    return {"type": error["type"], "loc": ["body", *error["loc"]], "msg": error["msg"]}
