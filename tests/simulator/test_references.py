"""References as the service fetches and measures them."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import soundfile as sf

from soundverse_nb.simulator import Simulator, orders
from soundverse_nb.simulator.refusals import reference_too_long, reference_too_short

from .conftest import SPEED, chunks, order, upload

MEGABYTES_12 = 12_657_318


def sound(seconds: float, rate: int = 8000) -> bytes:
    """A quiet tone of this length as FLAC."""
    file = io.BytesIO()
    t = np.arange(round(seconds * rate)) / rate
    sf.write(file, 0.2 * np.sin(2 * np.pi * 220 * t), rate, format="FLAC")
    return file.getvalue()


def refused(service, url: str) -> str:
    charged = len(service.ledger)
    answer = order(service, {"song_reference_url": url, "prompt": "pop"})
    assert answer.status_code == 400
    body = answer.json()
    assert list(body) == ["success", "message"]
    assert body["success"] is False
    assert len(service.ledger) == charged
    message = str(body["message"])
    assert message.startswith("Reference audio error: ")
    return message


def test_a_file_too_large_is_told_with_its_size_as_documented(service):
    url = upload(service, bytes(MEGABYTES_12))
    assert refused(service, url) == "Reference audio error: File too large: 12657318 bytes (max: 10485760)"


@pytest.mark.parametrize(
    ("seconds", "word"), [(9.9, "too short"), (0.2, "too short"), (350.3, "too long"), (400, "too long")]
)
def test_durations_outside_10_to_350_seconds_are_refused(service, seconds, word):
    assert word in refused(service, upload(service, sound(seconds)))


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (reference_too_short(79_999 / 8000), "Audio too short: 9.9999 seconds (min: 10)"),
        (reference_too_short(9.9), "Audio too short: 9.90 seconds (min: 10)"),
        (reference_too_long(350 + 1 / 44_100, cut_off=False), "Audio too long: 350.00002 seconds (max: 350)"),
    ],
)
def test_a_refused_length_never_reads_like_the_limit_it_breaks(refusal, said):
    assert refusal.body["message"] == f"Reference audio error: {said}"


@pytest.mark.parametrize("seconds", [10.0, 350.0])
def test_both_limits_are_inside(seconds, monkeypatch):
    # As among many orders: the remix, half a minute's work on one core, is not made before it is asked for.
    monkeypatch.setattr(orders, "_MANY", 0)
    with Simulator(speed=SPEED) as alone:
        body = {"song_reference_url": upload(alone, sound(seconds)), "prompt": "pop"}
        assert chunks(order(alone, body))[-1]["status"] == "completed"


def test_a_file_of_exactly_the_limit_is_measured_not_refused_for_its_size(service):
    message = refused(service, upload(service, bytes(10_485_760)))
    assert "not audio" in message


@pytest.mark.parametrize("content", [b"", b"<html>sign in</html>", bytes(5000), b"ID3\x03" + bytes(400)])
def test_what_cannot_be_decoded_is_refused(service, content):
    assert "not audio that can be decoded" in refused(service, upload(service, content))


@pytest.mark.parametrize(
    "url",
    [
        "", "song.mp3", "/songs/song.mp3", "file:///etc/passwd", "ftp://127.0.0.1/a.mp3", "http://", "http:///a",
        "data:audio/mpeg;base64,SUQz", "http://127.0.0.1:9/a.mp3", "http://[::1", "http://127.0.0.1:99999/a",
        "http://user name@/x", "\x00",
    ],
)  # fmt: skip
def test_urls_that_lead_nowhere_are_refused(service, url):
    refused(service, url)


class Odd(BaseHTTPRequestHandler):
    """Serves references in awkward ways."""

    protocol_version = "HTTP/1.0"
    good = b""

    def do_GET(self) -> None:
        if self.path == "/gone":
            self.send_error(404)
        elif self.path.startswith("/hop/"):
            left = int(self.path.rpartition("/")[2])
            self._redirect("/good" if left == 0 else f"/hop/{left - 1}")
        elif self.path == "/to-file":
            self._redirect("file:///etc/passwd")
        elif self.path == "/endless":
            self.send_response(200)
            self.end_headers()
            try:
                while True:
                    self.wfile.write(bytes(1 << 16))
            except OSError:
                pass
        elif self.path == "/cut":
            self.send_response(200)
            self.send_header("Content-Length", str(2 * len(self.good)))
            self.end_headers()
            self.wfile.write(self.good)
        else:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.good)

    def _redirect(self, target: str) -> None:
        self.send_response(302)
        self.send_header("Location", target)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def odd(song_file) -> Iterator[str]:
    Odd.good = song_file
    server = ThreadingHTTPServer(("127.0.0.1", 0), Odd)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_missing_file_is_refused_with_its_status(service, odd):
    assert "HTTP 404" in refused(service, odd + "/gone")


@pytest.mark.parametrize("path", ["/good", "/good?X-Amz-Signature=a%2Fb%3D&x=%20", "/hop/3"])
def test_plain_signed_and_redirected_urls_are_fetched(service, odd, path):
    body = {"song_reference_url": odd + path, "prompt": "pop"}
    assert chunks(order(service, body))[-1]["status"] == "completed"


@pytest.mark.parametrize("path", ["/hop/9", "/to-file", "/cut"])
def test_redirect_chains_other_schemes_and_cut_downloads_are_refused(service, odd, path):
    assert "Failed to download file" in refused(service, odd + path)


def test_an_endless_file_is_given_up_at_the_limit_plus_one_byte(service, odd):
    assert "File too large: 10485761 bytes (max: 10485760)" in refused(service, odd + "/endless")
