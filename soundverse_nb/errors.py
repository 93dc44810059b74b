"""Everything that can go wrong, as sentences a user can act on.

Every error says what happened, whether money may have been spent, and what to do next.
This module imports nothing of the package, so each layer can raise from it.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import re
import sys
import traceback
from collections.abc import Callable, Coroutine, Generator
from enum import Enum
from typing import Any, NoReturn, TypeVar, cast

E = TypeVar("E", bound=BaseException)
F = TypeVar("F", bound=Callable[..., Any])


class Spent(str, Enum):
    """Whether the service may have charged for the remix."""

    NO = "no"
    MAYBE = "maybe"
    YES = "yes"

    @property
    def sentence(self) -> str:
        return _SPENT_SENTENCES[self]


_SPENT_SENTENCES = {
    Spent.NO: "Nothing was paid.",
    Spent.MAYBE: "It may have been paid for.",
    Spent.YES: "It has been paid for.",
}


_HALVES = re.compile("[\ud800-\udfff]")


def whole_characters(text: str) -> str:
    """The text without the half characters that stand for the odd bytes of a name that is not UTF-8.

    With them neither JSON nor a database takes it, nor a terminal or a notebook.
    """
    return text if text.isascii() else _HALVES.sub("\ufffd", text)


class SoundverseError(Exception):
    """Something went wrong; the text says what, what it cost, and what to do next.

    Parameters
    ----------
    message : what happened, one sentence.
    spent : whether money may have been spent; each class has its usual answer. The sentence that says so
        speaks of one remix; `several_spent` of this module gives an error that of several.
    hint : what to do next, one sentence.
    details : further facts, kept as attributes of the same name.

    Errors survive pickling, so they can cross process pools and be stored in a study.

    >>> import soundverse_nb as sv
    >>> try:
    ...     sv.RemixRequest("https://songs.example.org/one.mp3")
    ... except sv.SoundverseError as error:
    ...     print(error.message, "|", error.spent.sentence, "|", error.hint)
    Either prompt or lyrics must be provided. | Nothing was paid. | For example prompt="upbeat jazz remix ...
    """

    usual_spent: Spent = Spent.NO
    usual_hint: str = ""
    spent_sentence: str = ""
    """How it says what was spent, where it is no error of one remix."""

    def __init__(
        self,
        message: str,
        *,
        spent: Spent | None = None,
        hint: str | None = None,
        **details: Any,
    ) -> None:
        message = whole_characters(message)
        super().__init__(message)
        self.message = message
        self.spent = self.usual_spent if spent is None else spent
        self.hint = self.usual_hint if hint is None else whole_characters(hint)
        for name, value in details.items():
            setattr(self, name, value)

    @property
    def _details(self) -> dict[str, Any]:
        """The further facts as they are now, for copies: some are only known after the error was made."""
        return {
            name: value
            for name, value in vars(self).items()
            if name not in ("message", "spent", "hint") and not name.startswith("_")
        }

    def __str__(self) -> str:
        # Whoever wrote message or hint may have said already what it cost.
        said = self.spent_sentence or self.spent.sentence
        hint = self.hint.replace(said, "").strip() if said in self.message else self.hint
        is_said = said.casefold() in f"{self.message} {hint}".casefold()
        return " ".join(part for part in (self.message, "" if is_said else said, hint) if part)

    def _render_traceback_(self) -> list[str]:
        """What IPython shows: the caller's own lines, and the sentence. Scripts keep the whole trace."""
        return short_traceback(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.spent, self.hint, self._details)


def several_spent(error: SoundverseError, spent: Spent) -> None:
    """Let an error say what was spent of all that was ordered, say by a study, and not of one remix."""
    error.spent = spent
    error.spent_sentence = _SEVERAL_SPENT[spent]


def several_simulated(error: SoundverseError, spent: Spent) -> None:
    """The same of a rehearsal: `spent` is what it would have been, and the sentence says that it was not."""
    error.spent = spent
    error.spent_sentence = Spent.NO.sentence if spent is Spent.NO else _SIMULATED


_SIMULATED = "What was ordered was simulated, so nothing was paid."
_SEVERAL_SPENT = {
    Spent.NO: Spent.NO.sentence,
    Spent.MAYBE: "What was ordered may have been paid for.",
    Spent.YES: "What was ordered has been paid for.",
}


def _rebuild(
    kind: type[SoundverseError], message: str, spent: Spent, hint: str, details: dict[str, Any]
) -> SoundverseError:
    return kind(message, spent=spent, hint=hint, **details)


_OWN_FOLDER = os.path.dirname(os.path.abspath(__file__))
_BEYOND_A_CELL = ("IPython", "ipykernel", "nbclient", "asyncio")


def short_traceback(error: BaseException) -> list[str]:
    """An error as lines for IPython: where the caller's code asked for it, and what it says."""
    shell = sys.modules["IPython"].get_ipython()  # which asks for this
    is_plain = str(getattr(shell, "colors", "nocolor")).lower() == "nocolor"
    red, green, end = ("", "", "") if is_plain else ("\x1b[31m", "\x1b[32m", "\x1b[39m")
    lines = []
    for frame in _frames_of_caller(error):
        lines.append(f"{_place(frame, shell)}, line {frame.lineno}")
        if frame.line:
            lines.append(f"{green}---->{end} {frame.line}")
    return [*lines, f"{red}{type(error).__name__}{end}: {error}"]


def _frames_of_caller(error: BaseException) -> list[traceback.FrameSummary]:
    """From the cell down to the call of ours; without IPython's frames above and ours below."""
    frames: list[traceback.FrameSummary] = []
    for frame in traceback.extract_tb(error.__traceback__):
        if os.path.dirname(os.path.abspath(frame.filename)).startswith(_OWN_FOLDER):
            break
        if not set(_BEYOND_A_CELL) & set(frame.filename.replace("\\", "/").split("/")):
            frames.append(frame)
    return frames


def _place(frame: traceback.FrameSummary, shell: Any) -> str:
    named = getattr(getattr(shell, "compile", None), "format_code_name", None)
    name = named(frame.filename) if named is not None else None
    return " ".join(name) if name else f"File {frame.filename}"


def raise_alone(error: SoundverseError) -> NoReturn:
    """Raise an error of ours without the foreign one that may be in hand, which can hold the key.

    Not even where the caller's `except` is long over is that certain: tasks written in Python, such as
    nest_asyncio's, resume a coroutine while they handle what it waited for.
    """
    try:
        raise error
    except SoundverseError:
        leave_behind(error)
        raise


def bare(error: E) -> E:
    """The error without its history: no frame it went through, and nothing it was raised from.

    Notebooks can print the variables of every frame in a traceback, and ours hold keys, passwords and signed
    URLs. All that an error of ours has to say is in its text; one that is not ours keeps its way, which is
    what a report of it needs.
    """
    if isinstance(error, SoundverseError) or not isinstance(error, Exception):
        error.__traceback__ = error.__context__ = error.__cause__ = None
    return error


def bare_errors(function: F) -> F:
    """Let errors leave a public function bare; the frame that stays has forgotten what it was called with."""
    if inspect.iscoroutinefunction(function):

        async def awaited(*given: Any, **named: Any) -> Any:
            try:
                return await function(*given, **named)
            except BaseException as error:
                left = bare(error)
            del given, named
            raise left

        @functools.wraps(function)
        def call(*given: Any, **named: Any) -> Any:
            work: Any = awaited(*given, **named)
            # Python names the coroutine where it warns that one was never awaited.
            work.__name__, work.__qualname__ = function.__name__, function.__qualname__
            return PendingCall(work)

        return cast("F", _marked_as_coroutine_function(call))

    @functools.wraps(function)
    def called(*given: Any, **named: Any) -> Any:
        try:
            return function(*given, **named)
        except BaseException as error:
            left = bare(error)
        del given, named
        raise left

    return cast("F", called)


def _marked_as_coroutine_function(function: Callable[..., Any]) -> Callable[..., Any]:
    """Whoever asks whether it has to be awaited is told so."""
    if sys.version_info >= (3, 12):
        return inspect.markcoroutinefunction(function)
    import asyncio.coroutines  # loaded already wherever something is awaited

    function._is_coroutine = asyncio.coroutines._is_coroutine  # type: ignore[attr-defined]
    return function


class PendingCall(Coroutine[Any, Any, Any]):
    """A call that begins when it is awaited: a coroutine that says so where a cell shows it."""

    def __init__(self, work: Coroutine[Any, Any, Any]) -> None:
        self._work = work

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._work.__await__()

    def send(self, value: Any) -> Any:
        return self._work.send(value)

    def throw(self, *error: Any) -> Any:
        return self._work.throw(*error)

    def close(self) -> None:
        self._work.close()

    def __repr__(self) -> str:
        work = vars(self).get("_work")  # not there yet in a copy that is being made
        name = getattr(work, "__qualname__", "call").rpartition(".")[2]
        return f"{name}(...) has not begun: write `await` before it."

    def __getattr__(self, name: str) -> NoReturn:
        # `remix = client.remix(...)` shows nothing; what is asked of it next is what a remix has.
        raise AttributeError(f"There is no {name} yet: {self!r}")


def leave_behind(error: BaseException) -> None:
    """Let an error of ours forget what it was raised from."""
    if isinstance(error, SoundverseError):
        error.__context__ = error.__cause__ = None


class ConfigurationError(SoundverseError):
    """A setting is missing or contradicts another; nothing was sent."""


_EXTRAS = {
    "lab": "notebooks need",
    "stats": "a mixed model needs",
    "archive": "an archive needs",
    "parquet": "a Parquet file needs",
}


def import_extra(name: str, purpose: str, extra: str = "lab") -> Any:
    """A library that only some need, such as pandas; ConfigurationError where it is not installed.

    `extra` is the one of this package's that brings it.
    """
    library = name.partition(".")[0]
    try:
        return importlib.import_module(name)
    except ImportError:
        raise ConfigurationError(
            f"{purpose} needs {library}, which is not installed.",
            hint=(
                f"pip install {library}, or all that {_EXTRAS[extra]}: pip install 'soundverse-nb[{extra}]'."
            ),
        ) from None


class PreflightError(SoundverseError):
    """The reference would be refused by the service; nothing was sent. Carries `.report`."""

    report: Any = None
    usual_hint = "Look at the report's problems: each names the call that fixes it."


class HostingError(SoundverseError):
    """The reference could not be given a URL; nothing was ordered."""


class APIError(SoundverseError):
    """The service answered with an error.

    `.status_code` is the HTTP status (None where the error came inside a stream),
    `.message_id` the order's id where one was seen.
    """

    status_code: int | None = None
    message_id: str | None = None


class AuthenticationError(APIError):
    """The service does not know this API key."""

    usual_hint = "Check the key in SOUNDVERSE_API_KEY or Client(api_key=...)."


class InvalidRequestError(APIError):
    """The request breaks a rule of the service, for example neither prompt nor lyrics."""

    usual_hint = "Correct the request and send it again."


class ReferenceAudioError(APIError):
    """The service refused the reference song."""

    usual_hint = "Run sv.preflight(reference) to see why, and sv.repair(reference) to fix it."


class RateLimitError(APIError):
    """Too many remixes at once; `.retry_after` is the wait the service asked for, in seconds."""

    retry_after: float | None = None
    usual_hint = "Wait a little and send it again."


class InsufficientBalanceError(APIError):
    """The account has not enough credit for this remix."""

    usual_hint = "Top up the account and send it again."


class ServiceUnavailableError(APIError):
    """The service is busy or down for a moment; `.retry_after` in seconds where it was said."""

    retry_after: float | None = None
    usual_hint = "Try again in a moment."


class GenerationFailedError(APIError):
    """The remix was accepted and then failed on the service's side."""

    usual_spent = Spent.MAYBE
    usual_hint = "Ask the service's support whether it was charged, naming the message_id."


class TransportError(SoundverseError):
    """The service could not be reached; it is certain that nothing was sent."""

    usual_hint = "Check the network and the base URL, then send it again."


class UnknownOutcomeError(SoundverseError):
    """The order was sent and no answer came back; `.order_id` names it in the journal."""

    order_id: str | None = None
    usual_spent = Spent.MAYBE
    usual_hint = (
        "It is kept in the journal (client.orders()) and is not repeated without your word: "
        "look at the account before you order it again."
    )


class UnreadableAnswerError(UnknownOutcomeError, APIError):
    """The order was sent, and what the service answered does not say whether it was taken."""


class DownloadError(SoundverseError):
    """The remix is finished and paid for, but its audio is not on disk yet.

    `.order_id` and `.message_id` are what `client.recover()` needs to fetch it again.
    """

    order_id: str | None = None
    message_id: str | None = None
    usual_spent = Spent.YES
    usual_hint = "Fetch it again with client.recover(), also from a new kernel."


class BudgetExceededError(SoundverseError):
    """The next remix would overshoot the budget; it was not ordered."""

    usual_hint = "Raise the budget to go on."
