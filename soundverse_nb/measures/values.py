"""What measured values have in common: numbers that may be unknown, with a reason; a flat row; JSON."""

from __future__ import annotations

import math
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from soundverse_nb.errors import ConfigurationError, import_extra

Self = TypeVar("Self", bound="Value")


def _known(value: object) -> object:
    return math.nan if value is None else value


def _storable(value: float) -> float | None:
    return value if math.isfinite(value) else None


Number = Annotated[float, BeforeValidator(_known), PlainSerializer(_storable, when_used="json")]
"""A float that is nan where nothing could be measured; JSON, which has no nan, holds null for it."""


class Value(BaseModel):
    """A frozen value of measured numbers. Two are equal where all numbers are, unknown ones included."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=True)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.model_dump_json() == other.model_dump_json()

    def __hash__(self) -> int:
        return hash(self.model_dump_json())

    def to_json(self) -> str:
        """All of it as JSON; `from_json` reads it back."""
        return self.model_dump_json()

    @classmethod
    def from_json(cls: type[Self], text: str | bytes) -> Self:
        """What `to_json` wrote. ConfigurationError where the text is something else."""
        try:
            return cls.model_validate_json(text)
        except ValueError:
            raise ConfigurationError(
                f"This text holds no {cls.__name__}.", hint=f"Read what {cls.__name__}.to_json() wrote."
            ) from None


class Measured(Value):
    """A set of measures that goes to pandas as one flat row, and to JSON and back.

    `reasons` says of each column that is nan why it is.
    """

    reasons: dict[str, str] = Field(default_factory=dict)

    @property
    def row(self) -> dict[str, Any]:
        """One flat record: a column a measure, its unit at the end of the name; nan where it is unknown."""
        raise NotImplementedError

    def to_frame(self) -> Any:
        """The row as a pandas DataFrame. ConfigurationError where pandas is missing."""
        return import_extra("pandas", "A data frame").DataFrame([self.row])
