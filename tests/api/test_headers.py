"""Headers far beyond a library's limits are read on every answer; beyond ours, the reason is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from soundverse_nb.api.framing import LONGEST_LINE, MOST_BYTES, MOST_LINES
from soundverse_nb.api.stream import StreamCut
from soundverse_nb.errors import DownloadError, PreflightError, ServiceUnavailableError, TransportError
from soundverse_nb.hosting.remote import fetch_reference
from tests.api.conftest import Connect
from tests.api.servers import drain
from tests.strict_service import MP3, UNAVAILABLE, StrictService, answer, completed, refusal, remix

LARGE = {
    "a line of 9,000 bytes": {"X-Policy": "p" * 9_000},
    "a line of 60 KB": {"X-Policy": "p" * 60_000},
    "a name of 9,000 bytes": {"X" * 9_000: "p"},
    "140 headers": {f"X-Trace-{n}": "t" for n in range(140)},
    "5,000 headers": {f"X-Trace-{n}": "t" * 100 for n in range(5_000)},
    "a redirecting line": {"Location": "/" + "l" * 20_000},
}
TOO_LARGE = {
    "a line": {"X-Policy": "p" * (LONGEST_LINE + 1)},
    "a name": {"X" * (LONGEST_LINE + 1): "p"},
    "many": {f"X-{n}": "t" for n in range(MOST_LINES + 100)},
    "in all": {f"X-{n}": "t" * 50_000 for n in range(MOST_BYTES // 50_000 + 1)},
}
AUDIO = "/audio/remix-1.mp3"


@pytest.mark.parametrize("headers", LARGE.values(), ids=LARGE)
async def test_large_headers_are_read_on_every_answer(
    connect: Connect, headers: dict[str, str], tmp_path: Path
) -> None:
    async with StrictService(
        [remix(headers=headers), refusal(UNAVAILABLE, 503, headers)],
        status=[answer(completed(), headers=headers)],
        files={AUDIO: [answer(MP3, headers=headers)]},
    ) as service:
        transport = connect(service)
        await drain(transport)
        assert (await transport.status("remix-1")).is_terminal
        with pytest.raises(ServiceUnavailableError):
            await drain(transport, {"song_reference_url": "https://a.example/b.mp3", "prompt": "2"})
        got = await transport.download(service.storage_url + AUDIO, tmp_path / "song")
        assert got.path.read_bytes() == MP3
        reference = await fetch_reference(service.storage_url + AUDIO, max_bytes=1_000_000, public=False)
        assert reference.path.read_bytes() == MP3
        reference.path.unlink()


async def test_headers_that_come_byte_by_byte_are_counted_by_their_lines(connect: Connect) -> None:
    async with StrictService([remix(headers={"X-Policy": "p" * 12_000}, drip=True)]) as service:
        await drain(connect(service))


@pytest.mark.parametrize("headers", TOO_LARGE.values(), ids=TOO_LARGE)
async def test_headers_beyond_every_measure_are_named_as_the_reason(
    connect: Connect, headers: dict[str, str], tmp_path: Path
) -> None:
    async with StrictService(
        [remix(headers=headers)],
        status=[answer(completed(), headers=headers)],
        files={AUDIO: [answer(MP3, headers=headers)]},
    ) as service:
        transport = connect(service)
        with pytest.raises(StreamCut, match="headers of the answer are too large"):
            await drain(transport)
        with pytest.raises(TransportError, match="headers of the answer are too large"):
            await transport.status("remix-1")
        with pytest.raises(DownloadError, match="headers of the answer are too large"):
            await transport.download(service.storage_url + AUDIO, tmp_path / "song")
        with pytest.raises(PreflightError, match="checked: the headers of the answer are too large"):
            await fetch_reference(service.storage_url + AUDIO, max_bytes=1_000_000, public=False)
