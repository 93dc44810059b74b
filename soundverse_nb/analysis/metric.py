"""Metrics of one's own: a function of a clip, or of a song and its remix, that becomes a column."""

from __future__ import annotations

import hashlib
import inspect
import math
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from soundverse_nb.cancellation import is_interrupt
from soundverse_nb.errors import ConfigurationError
from soundverse_nb.measures.difference import Difference
from soundverse_nb.measures.features import Features
from soundverse_nb.render.escape import plain

ANSWER = "The function gave "
"""Begins the reasons that are answers: asked again, the function would say the same."""

_ROUNDING = 1e-9  # by which a value may be outside of its range

_REASON = 200  # characters of what a metric raised


@dataclass(frozen=True)
class Metric:
    """A measure of one's own, as `sv.metric` registered it.

    `of` is "clip" for a function of one clip, "pair" for one of a song and its remix. `column` is its name in
    a data frame, with the unit at the end. `range` is the lowest and the highest value there can be, None for
    an open end.
    """

    name: str
    function: Callable[..., Any] = field(repr=False, compare=False)
    unit: str = ""
    version: str = "1"
    of: Literal["clip", "pair"] = "clip"
    range: tuple[float | None, float | None] = (None, None)
    code: str = field(default="", repr=False, compare=False)
    """A hash of the function's source when it was registered, "" where that is not known."""

    @property
    def column(self) -> str:
        """The name of its column, "bass (dB)" for the metric "bass" in dB."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    def measure(self, *clips: Any) -> tuple[float, str]:
        """What the function says of these clips, and "" or the reason why that is nan.

        Raises nothing but an interrupt: a function that calls sys.exit() ends only itself.
        """
        try:
            value = float(self.function(*clips))
        except BaseException as error:
            if is_interrupt(error):
                raise
            return math.nan, plain(f"{type(error).__name__}: {error}", _REASON)
        if math.isnan(value):
            return math.nan, f"{ANSWER}nan."
        if not math.isfinite(value):
            return math.nan, f"{ANSWER}infinity."
        if not self.holds(value):
            return math.nan, f"{ANSWER}{value:g}, outside of its range, {_range_words(self.range)}."
        return value, ""

    def __reduce__(self) -> tuple[Any, ...]:
        """To another process the function goes by itself: one that cannot takes no other measure along."""
        import cloudpickle  # only whoever measures in processes needs it

        rest = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "function"}
        try:
            return _received, (cloudpickle.dumps(self.function), "", rest)
        except Exception as error:  # whatever the function holds on to may refuse in its own way
            return _received, (b"", f"It cannot be sent to another process ({error})", rest)

    def holds(self, value: float) -> bool:
        """Whether a value is in the metric's range, but for rounding."""
        low, high = self.range
        return (low is None or value >= low - _ROUNDING) and (high is None or value <= high + _ROUNDING)


@dataclass(frozen=True)
class _Lost:
    """In the place of a function that did not come through: it says why."""

    reason: str

    def __call__(self, *clips: Any) -> float:
        raise RuntimeError(f"{self.reason}; with executor=ThreadPoolExecutor(1) it need not.")


def _received(function: bytes, reason: str, rest: dict[str, Any]) -> Metric:
    """A metric as it comes to another process."""
    try:
        return Metric(function=_Lost(reason) if reason else pickle.loads(function), **rest)
    except Exception as error:  # a module that is not there, above all
        return Metric(function=_Lost(f"It cannot be read in another process ({error})"), **rest)


_registered: dict[str, Metric] = {}


def metric(
    name: str,
    function: Callable[..., Any] | None = None,
    *,
    unit: str = "",
    version: str = "1",
    of: Literal["clip", "pair"] | None = None,
    range: tuple[float | None, float | None] | None = None,
) -> Any:
    """Register a measure of your own: from now on it is a column beside the built-in ones.

    Parameters
    ----------
    name : the column's name.
    function : takes a `Clip` (or a song and its remix, two of them) and gives a number. It may run in another
        process. What it raises becomes nan, with the reason in `reasons`.
    unit : stands behind the name, such as "dB".
    version : change it when the function changes: values are kept by content, name and version.
    of : "clip" or "pair"; found out from the number of parameters where it is not given.
    range : the lowest and the highest value there can be, such as (0, 1) for a share or what is 0 or 1, and
        (0, None) for what is never negative. Intervals of a study's summaries stay inside; a value outside
        becomes nan, with the reason.

    Gives back the `Metric`; without a function a decorator. A second metric of one name takes the first one's
    place. Raises ConfigurationError where the name is taken by a built-in measure, and for what is no range.

    >>> import numpy as np
    >>> import soundverse_nb as sv
    >>> rms = sv.metric("rms", lambda clip: np.sqrt(np.mean(clip.samples() ** 2)), unit="1")
    >>> round(sv.analyse(sv.example_song()).row["rms (1)"], 2)
    0.13
    >>> sv.analysis.remove_metric("rms")
    """
    if function is None:
        return lambda found: metric(name, found, unit=unit, version=version, of=of, range=range)
    if not isinstance(name, str) or not name.strip():
        raise ConfigurationError(f"name={name!r} is no name of a metric.", hint='Give a text such as "bass".')
    if not callable(function):
        raise ConfigurationError(
            f"The metric {name} got {type(function).__name__}, which cannot be called.",
            hint="Give a function of a clip, or of a song and its remix.",
        )
    made = Metric(
        plain(name, 80),
        function,
        plain(unit, 40),
        str(version),
        of or _kind(name, function),
        _checked_range(range),
        _code(function),
    )
    if made.column in _built_in():
        raise ConfigurationError(f"{made.column} is a built-in measure.", hint="Choose another name.")
    _registered[made.name] = made
    return made


def remove_metric(name: str) -> None:
    """Forget a metric; harmless where there is none of this name."""
    _registered.pop(name, None)


def metrics(of: Literal["clip", "pair"]) -> tuple[Metric, ...]:
    """Those that are registered now, in the order in which they came."""
    return tuple(each for each in _registered.values() if each.of == of)


def _kind(name: str, function: Callable[..., Any]) -> Literal["clip", "pair"]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return "clip"
    required = [
        each
        for each in parameters
        if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD) and each.default is each.empty
    ]
    if len(required) > 2 or (
        not required and not any(each.kind is each.VAR_POSITIONAL for each in parameters)
    ):
        raise ConfigurationError(
            f"The function of the metric {name} takes {len(required)} songs.",
            hint='It takes a clip, or a song and its remix; of="clip" or of="pair" says which.',
        )
    return "pair" if len(required) == 2 else "clip"


def _checked_range(given: Any) -> tuple[float | None, float | None]:
    try:
        low, high = (None, None) if given is None else (None if end is None else float(end) for end in given)
        if all(end is None or math.isfinite(end) for end in (low, high)) and (
            low is None or high is None or low < high
        ):
            return low, high
    except (TypeError, ValueError):
        pass
    raise ConfigurationError(
        f"range={given!r} is no range.", hint="Give (0, 1), or (0, None) where there is no highest value."
    )


def _range_words(ends: tuple[float | None, float | None]) -> str:
    low, high = ends
    if low is None or high is None:
        return f"{high:g} or less" if low is None else f"{low:g} or more"
    return f"{low:g} to {high:g}"


def _code(function: Callable[..., Any]) -> str:
    try:
        source = inspect.getsource(function)
    except (OSError, TypeError):
        return ""
    return hashlib.sha256(source.encode("utf-8", "replace")).hexdigest()[:16]


def _built_in() -> set[str]:
    return {*Features.model_fields, *Features.unknown().row, *Difference.unknown().row, *_OF_A_STUDY}


_OF_A_STUDY = ("not_measured", "metric_errors", "metric_versions")
"""What a study's frame says of measures, beside them."""
