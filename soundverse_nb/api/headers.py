"""The headers of an answer: limits far above what gateways send, and nothing lost that came along with them.

aiohttp stops at 8,190 bytes a line and at 128 lines; gateways, tracing and security policies send more, and
by then the remix is paid for. And where the framing of a body is broken, it forgets the answer that came in
the same packet, or waits for the rest of it for ever.
"""

from __future__ import annotations

import functools
import inspect
from typing import Any, TypeVar

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import HttpProcessingError
from aiohttp.streams import EMPTY_PAYLOAD

LONGEST_LINE = 1 << 16  # bytes; the gateways that allow most stop at 64 KiB for all lines together
MOST_LINES = 10_000
MOST_BYTES = 1 << 22  # all lines together, so that an endless head does not fill the memory
TOO_LARGE = (
    f"the headers of the answer are too large (one of more than {LONGEST_LINE // 1024} KiB, more than "
    f"{MOST_LINES:,} of them, or {MOST_BYTES >> 20} MiB in all)"
)

_LIMITS = {"max_line_size": LONGEST_LINE, "max_field_size": LONGEST_LINE, "max_headers": MOST_LINES}
# How aiohttp says that one of its limits was met, in each of its versions.
_SAYS_TOO_LARGE = ("got more than", "too many headers", "too long", "too large")

C = TypeVar("C", bound=aiohttp.TCPConnector)


def header_limits() -> dict[str, Any]:
    """The limits as arguments of `aiohttp.ClientSession`; older versions do not count the headers."""
    known = inspect.signature(aiohttp.ClientSession.__init__).parameters
    return {name: value for name, value in _LIMITS.items() if name in known}


def losing_nothing(connector: C) -> C:
    """The same connector, whose answers are read line by line up to their body."""
    inner: Any = connector
    if hasattr(inner, "_factory"):
        inner._factory = functools.partial(_Answer, loop=inner._loop)
    return connector


def says_too_large(error: aiohttp.ClientResponseError) -> bool:
    """Whether an answer was refused for the size or the number of its headers."""
    said = error.message.lower()
    return any(words in said for words in _SAYS_TOO_LARGE)


class _Answer(ResponseHandler):
    """Gives the parser the head of an answer line by line: then a fault in the body cannot take it along."""

    _head_bytes = _head_lines = 0

    def data_received(self, data: bytes) -> None:
        at = 0
        while at < len(data) and self._is_in_head and not self._has_failed:
            end = data.find(b"\n", at) + 1 or len(data)
            self._head_bytes += end - at
            self._head_lines += data[end - 1] == 10
            if self._head_bytes > MOST_BYTES or self._head_lines > MOST_LINES:
                self._refuse()
                return
            super().data_received(data[at:end])
            at = end
        if at < len(data) and not self._has_failed:
            super().data_received(data[at:] if at else data)
        self._tell_payload()

    @property
    def _is_in_head(self) -> bool:
        return self._payload is None or self._payload is EMPTY_PAYLOAD

    @property
    def _has_failed(self) -> bool:
        return self.exception() is not None

    def _refuse(self) -> None:
        if self.transport is not None:
            self.transport.close()
        self.set_exception(HttpProcessingError(code=400, message="Too many headers: too large in all"))

    def _tell_payload(self) -> None:
        """Whoever waits for more of a body whose framing broke learns of it; what came before is kept."""
        payload: Any = self._payload
        if self._has_failed and payload is not None and payload.exception() is None and not payload.is_eof():
            payload.set_exception(aiohttp.ClientPayloadError("the framing of the body is broken"))
