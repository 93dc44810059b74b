"""The verdict on a song, with its reasons."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from soundverse_nb.errors import PreflightError
from soundverse_nb.reference.facts import AudioFacts, Limits, storable
from soundverse_nb.reference.librosa_duration import LibrosaDuration
from soundverse_nb.reference.rules import Problem


@dataclass(frozen=True)
class PreflightReport:
    """Whether the service would take a song, why not, and what mends it. Displays itself.

    `problems` fail the song, `warnings` do not. `checked` is "decoded" or, for a quick look, "header".
    `notes` are sentences on how it was checked, `librosa` what librosa.get_duration would have answered.
    """

    name: str
    audio: AudioFacts
    limits: Limits = field(default_factory=Limits)
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    checked: str = "decoded"
    notes: tuple[str, ...] = ()
    librosa: LibrosaDuration | None = None
    repair_call: str = ""

    @property
    def ok(self) -> bool:
        return not self.problems

    def raise_if_failed(self) -> PreflightReport:
        """The report itself where the song passes; otherwise PreflightError, which carries `.report`."""
        if self.ok:
            return self
        message = f"{self.name}: {' '.join(problem.message for problem in self.problems)}"
        hint = " ".join(dict.fromkeys(problem.hint for problem in self.problems if problem.hint))
        raise PreflightError(message, hint=hint, report=self, code=self.problems[0].code)

    def model_dump(self) -> dict[str, Any]:
        """The report as a dict that JSON can hold, for records."""
        return {
            "name": storable(self.name),
            "ok": self.ok,
            "checked": self.checked,
            "problems": [problem.model_dump() for problem in self.problems],
            "warnings": [warning.model_dump() for warning in self.warnings],
            "audio": self.audio.model_dump(),
            "limits": {name: getattr(self.limits, name) for name in Limits.__dataclass_fields__},
            "notes": [storable(note) for note in self.notes],
            "librosa": None if self.librosa is None else self.librosa.model_dump(),
        }

    def __repr__(self) -> str:
        codes = ", ".join(problem.code for problem in self.problems) or "no problems"
        return f"PreflightReport({self.name!r}, ok={self.ok}, {codes})"

    def __str__(self) -> str:
        from soundverse_nb.reference.show import sheet_of
        from soundverse_nb.render.preflight import sheet_text

        return sheet_text(sheet_of(self))

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        from soundverse_nb.reference.show import sheet_of
        from soundverse_nb.render.preflight import sheet_html, sheet_text

        sheet = sheet_of(self)
        return {"text/plain": sheet_text(sheet), "text/html": sheet_html(sheet)}
