"""What the URLs in the chunks point to: audio in ranges behind signed links, album art, references."""

from __future__ import annotations

import io

import numpy as np
import pytest
import requests
from PIL import Image

from soundverse_nb.simulator import Simulator, orders
from soundverse_nb.simulator import routes as audio_answers

from .conftest import KEY, SPEED, chunks, order, upload


@pytest.fixture(scope="module")
def remix(service, reference) -> dict[str, str]:
    """The completed chunk of one remix, with its stream_url."""
    told = chunks(order(service, {"song_reference_url": reference, "prompt": "lo-fi"}))
    return {**told[-2], **told[-1]}


@pytest.fixture(scope="module")
def audio(remix) -> bytes:
    return requests.get(remix["audio_url"], timeout=60).content


def test_the_audio_needs_no_key_and_is_an_mp3(remix, audio):
    answer = requests.get(remix["audio_url"], timeout=60)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "audio/mpeg"
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.content == audio
    assert audio.startswith(audio_answers.HEAD)


def test_the_stream_url_gives_the_same_music(remix, audio):
    assert requests.get(remix["stream_url"], timeout=60).content == audio


@pytest.mark.parametrize(("asked", "span"), [("bytes=0-9", slice(0, 10)), ("bytes=1000-", slice(1000, None)),
                                             ("bytes=-50", slice(-50, None))])  # fmt: skip
def test_ranges_are_served(remix, audio, asked, span):
    answer = requests.get(remix["audio_url"], headers={"Range": asked}, timeout=60)
    assert answer.status_code == 206
    assert answer.content == audio[span]
    assert answer.headers["Content-Range"].endswith(f"/{len(audio)}")


def test_a_range_past_the_end_is_refused(remix, audio):
    answer = requests.get(remix["audio_url"], headers={"Range": f"bytes={len(audio)}-"}, timeout=60)
    assert answer.status_code == 416


@pytest.mark.parametrize(
    "alter",
    [
        lambda url: url.partition("?")[0],
        lambda url: url[:-1] + ("0" if url[-1] != "0" else "1"),
        lambda url: url.replace("X-Expires=1", "X-Expires=2"),
        lambda url: url.replace("X-Signature=", "X-Signature=%ff"),
    ],
)
def test_an_altered_link_is_refused_even_with_the_key(remix, alter):
    answer = requests.get(alter(remix["audio_url"]), headers=KEY, timeout=10)
    assert answer.status_code == 403


def test_a_link_expires(song_file):
    with Simulator(speed=SPEED, link_lifetime=0) as service:
        body = {"song_reference_url": upload(service, song_file), "prompt": "pop"}
        last = chunks(order(service, body))[-1]
        assert requests.get(last["audio_url"], timeout=10).status_code == 403


def test_the_album_art_is_a_square_picture_that_stays_the_same(remix):
    first, second = (requests.get(remix["album_art"], timeout=30) for _ in range(2))
    assert first.headers["Content-Type"] == "image/jpeg"
    picture, again = (Image.open(io.BytesIO(answer.content)) for answer in (first, second))
    assert picture.size[0] == picture.size[1] >= 512
    # Drawn anew, so not to the last bit; another cover is tens of shades off.
    assert np.abs(np.asarray(picture, float) - np.asarray(again, float)).mean() < 1


def test_equal_orders_give_equal_bytes_and_other_prompts_others(service, reference, remix, audio):
    def made(**fields: object) -> bytes:
        last = chunks(order(service, {"song_reference_url": reference, **fields}))[-1]
        return requests.get(last["audio_url"], timeout=60).content

    assert made(prompt="lo-fi") == audio
    assert made(prompt="rock") != audio


def audio_of(service, reference, fault) -> str:
    body = {"song_reference_url": reference, "prompt": "lo-fi", "parameters": {"simulate": fault}}
    return str(chunks(order(service, body))[-1]["audio_url"])


def test_audio_can_be_gone_or_html(service, reference):
    assert requests.get(audio_of(service, reference, "audio_404"), timeout=10).status_code == 404
    page = requests.get(audio_of(service, reference, "audio_html"), timeout=10)
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")


def test_audio_can_be_cut_half_way(service, reference, audio):
    with pytest.raises(requests.exceptions.RequestException):
        requests.get(audio_of(service, reference, "audio_cut"), timeout=60)


def test_flaky_audio_comes_at_the_third_try(service, reference, audio):
    url = audio_of(service, reference, "audio_flaky")
    answers = [requests.get(url, timeout=60) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503, 503, 200]
    assert answers[-1].content == audio


def test_redirected_audio_arrives_and_a_loop_does_not(service, reference, audio):
    once = requests.get(audio_of(service, reference, "audio_redirect"), timeout=60)
    assert (len(once.history), once.content) == (1, audio)
    with pytest.raises(requests.exceptions.TooManyRedirects):
        requests.get(audio_of(service, reference, "audio_redirect_loop"), timeout=10)


def test_endless_audio_does_not_end(service, reference):
    with requests.get(audio_of(service, reference, "audio_endless"), stream=True, timeout=10) as answer:
        came = 0
        for block in answer.iter_content(1 << 20):
            came += len(block)
            if came > 10_000_000:
                return
    pytest.fail(f"it ended after {came} bytes")


def test_a_late_remix_begins_with_the_bytes_all_begin_with(song_file, monkeypatch):
    # Among many orders nobody waits for a remix: it is made when it is asked for.
    monkeypatch.setattr(orders, "_MANY", 0)
    monkeypatch.setattr(audio_answers, "WAIT_SECONDS", 0.0)
    monkeypatch.setattr(audio_answers, "_DRIP", 0.01)
    with Simulator(speed=SPEED) as service:
        body = {"song_reference_url": upload(service, song_file), "prompt": "pop"}
        url = chunks(order(service, body))[-1]["audio_url"]
        late = requests.get(url, timeout=60)
        whole = requests.get(url, headers={"Range": "bytes=0-"}, timeout=60)
    assert "Content-Length" not in late.headers
    assert late.content == whole.content


def test_a_reference_is_served_back_under_its_name(service, song_file):
    url = upload(service, song_file, "My%20s%C3%B6ng.flac")
    answer = requests.get(url, timeout=30)
    assert url.endswith("/My%20s%C3%B6ng.flac")
    assert answer.content == song_file
    assert answer.headers["Content-Type"].startswith("audio/")


@pytest.mark.parametrize("name", ["", "..%2f..%2fetc%2fpasswd", "%00%0a", "a" * 500, "%5c%5chost%5cx.mp3"])
def test_odd_file_names_are_made_harmless(service, name):
    url = upload(service, b"bytes of " + name.encode(), name)
    assert len(url.split("/")) == 7
    assert requests.get(url, timeout=10).content == b"bytes of " + name.encode()


def test_a_reference_can_be_taken_back(service):
    url = upload(service, b"for a moment")
    assert requests.delete(url, timeout=10).status_code == 204
    assert requests.get(url, timeout=10).status_code == 404


@pytest.mark.parametrize("path", ["x/y", "../y", "0" * 64 + "/y", "%2e%2e%2f" * 8 + "/y"])
def test_what_was_never_uploaded_is_not_found(service, path):
    assert requests.get(f"{service.base_url}/simulator/references/{path}", timeout=10).status_code == 404


def test_more_than_64_megabytes_are_not_taken(service):
    def blocks():
        for _ in range(65):
            yield bytes(1 << 20)

    try:
        answer = requests.post(f"{service.base_url}/simulator/references", data=blocks(), timeout=60)
    except requests.exceptions.ConnectionError:
        return  # the connection was closed on what was still coming
    assert answer.status_code == 413


def test_a_body_of_two_megabytes_is_no_order(service, reference):
    answer = order(service, {"song_reference_url": reference, "prompt": "x" * (2 << 20)})
    assert (answer.status_code, answer.json()) == (413, {"detail": "Request body too large"})
