"""The table from an answer to an error: documented text first, then the status, then the shape."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from typing import Any

import pytest

from soundverse_nb.api.answers import classify, documented_refusal, is_chunk, is_error_object
from soundverse_nb.api.retry import Next, decide
from soundverse_nb.errors import (
    APIError,
    AuthenticationError,
    InsufficientBalanceError,
    InvalidRequestError,
    RateLimitError,
    ReferenceAudioError,
    ServiceUnavailableError,
    Spent,
)
from tests.strict_service import NO_BALANCE, NO_PROMPT, RATE_LIMITED, TOO_LARGE, UNAVAILABLE, stages

DOCUMENTED = [
    (NO_PROMPT, InvalidRequestError, Next.REFUSED),
    (TOO_LARGE, ReferenceAudioError, Next.REFUSED),
    (RATE_LIMITED, RateLimitError, Next.RETRY),
    (NO_BALANCE, InsufficientBalanceError, Next.REFUSED),
    (UNAVAILABLE, ServiceUnavailableError, Next.RETRY),
]
KINDS = [row[1].__name__ for row in DOCUMENTED]
STATUSES = [200, 201, 400, 401, 402, 403, 413, 422, 429, 500, 502, 503, 504, None]


def raw(body: Any) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize(("body", "kind", "then"), DOCUMENTED, ids=KINDS)
def test_the_five_documented_bodies_are_known_by_their_text(
    body: dict[str, Any], kind: type[APIError], then: Next, status: int | None
) -> None:
    error = classify(status, {"Content-Type": "application/json"}, raw(body))
    assert type(error) is kind
    assert error.status_code == status
    assert error.spent is Spent.NO
    assert error.message.startswith(body.get("message", body.get("detail")))
    assert decide(sent=True, error=error) is then


@pytest.mark.parametrize(
    "dress",
    [
        lambda body: raw(body),
        lambda body: json.dumps(body, indent=4).encode() + b"\r\n\r\n",
        lambda body: b"\xef\xbb\xbf" + raw(body),
        lambda body: json.dumps(body).encode("utf-16"),
        lambda body: json.dumps(body).encode("utf-16-le"),
        lambda body: json.dumps(body).encode("utf-32"),
        lambda body: gzip.compress(raw(body)),
        lambda body: raw({"error": body}),
        lambda body: raw({"success": False, "data": body}),
        lambda body: raw({"success": False, "detail": body.get("message") or body["detail"]}),
    ],
    ids=["plain", "pretty", "bom", "utf16", "utf16le", "utf32", "gzip", "in_error", "in_data", "as_detail"],
)
@pytest.mark.parametrize(("body", "kind", "then"), DOCUMENTED, ids=KINDS)
def test_a_documented_body_is_known_in_every_dress(
    dress: Any, body: dict[str, Any], kind: type, then: Next
) -> None:
    error = classify(200, {}, dress(body))
    assert type(error) is kind
    assert decide(sent=True, error=error) is then


@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [
        ("application/json; charset=utf-8", "utf-8"),
        ('application/json; charset="UTF-16"', "utf-16"),
        ("application/json;charset=latin-1", "latin-1"),
        ("application/json; charset=klingon", "utf-8"),
        ("text/html; charset=utf-16-be", "utf-16-be"),
        ("text/plain", "utf-8"),
        ("", "utf-8"),
    ],
)
def test_the_charset_a_server_names_is_tried(content_type: str, encoding: str) -> None:
    body = json.dumps({"detail": "Guthaben aufgebraucht: ä"}, ensure_ascii=False).encode(encoding)
    error = classify(400, {"content-type": content_type}, body)
    assert error is not None
    assert "Guthaben aufgebraucht: ä" in error.message


NGINX_503 = b"<html><head><title>503 Service Temporarily Unavailable</title></head><body>nginx</body></html>"
FASTAPI = {
    "detail": [
        {"loc": ["body", "song_reference_url"], "msg": "field required", "type": "value_error.missing"},
        {"loc": ["body", "parameters", 0], "msg": "not a dict", "type": "type_error"},
    ]
}

TABLE: list[tuple[str, int | None, Any, type[APIError], Next, str]] = [
    # name, status, body, error, what is next, what it says
    ("401_with_json", 401, {"detail": "Invalid API key"}, AuthenticationError, Next.REFUSED, "401"),
    ("401_with_nothing", 401, b"", AuthenticationError, Next.REFUSED, "401"),
    ("401_with_html", 401, b"<html>no", AuthenticationError, Next.REFUSED, "401"),
    ("403_with_json", 403, {"detail": "Forbidden"}, AuthenticationError, Next.REFUSED, "Forbidden"),
    ("403_with_bytes", 403, b"\xff\xfe\x00\x01", AuthenticationError, Next.REFUSED, "403"),
    (
        "bad_key_with_200",
        200,
        {"success": False, "message": "Invalid API key"},
        AuthenticationError,
        Next.REFUSED,
        "Invalid API key",
    ),
    ("bad_key_in_a_chunk", None, {"detail": "Not authenticated"}, AuthenticationError, Next.REFUSED, "Not"),
    ("402", 402, b"", InsufficientBalanceError, Next.REFUSED, "402"),
    (
        "400_with_words",
        400,
        {"message": "prompt too long"},
        InvalidRequestError,
        Next.REFUSED,
        "prompt too long",
    ),
    ("422_as_a_list", 422, FASTAPI, InvalidRequestError, Next.REFUSED, "song_reference_url: field required"),
    ("200_with_a_list", 200, FASTAPI, InvalidRequestError, Next.REFUSED, "parameters.0: not a dict"),
    (
        "422_with_odd_lists",
        422,
        {"detail": [None, 3, {"msg": "odd"}]},
        InvalidRequestError,
        Next.REFUSED,
        "odd",
    ),
    ("422_with_an_empty_list", 422, {"detail": []}, InvalidRequestError, Next.REFUSED, "422"),
    ("413", 413, NGINX_503, ReferenceAudioError, Next.REFUSED, "413"),
    ("429_with_nothing", 429, b"", RateLimitError, Next.RETRY, "429"),
    (
        "429_with_html",
        429,
        b"<title>Too Many Requests</title>",
        RateLimitError,
        Next.RETRY,
        "Too Many Requests",
    ),
    ("404", 404, {"detail": "Not Found"}, APIError, Next.REFUSED, "Not Found"),
    ("405", 405, b"", APIError, Next.REFUSED, "405"),
    ("418", 418, b"teapot", APIError, Next.REFUSED, "teapot"),
    ("408", 408, b"", APIError, Next.UNKNOWN, "408"),
    # A web server's own 503 is not the documented one: whether the order passed it is not known.
    ("503_of_a_proxy", 503, NGINX_503, ServiceUnavailableError, Next.UNKNOWN, "Temporarily Unavailable"),
    ("503_with_nothing", 503, b"", ServiceUnavailableError, Next.UNKNOWN, "503"),
    (
        "503_with_other_json",
        503,
        {"message": "deploying"},
        ServiceUnavailableError,
        Next.UNKNOWN,
        "deploying",
    ),
    ("502", 502, b"<h1>Bad Gateway</h1>", ServiceUnavailableError, Next.UNKNOWN, "Bad Gateway"),
    ("504", 504, b"", ServiceUnavailableError, Next.UNKNOWN, "504"),
    ("500_with_html", 500, b"<html><body><h1>Oops</h1></body></html>", APIError, Next.UNKNOWN, "Oops"),
    (
        "500_with_json",
        500,
        {"detail": "Internal Server Error"},
        APIError,
        Next.UNKNOWN,
        "Internal Server Error",
    ),
    ("520", 520, b"", APIError, Next.UNKNOWN, "520"),
    # An error that quotes a documented text is not that refusal.
    (
        "a_quoted_503",
        500,
        {"detail": "upstream: Service temporarily unavailable. Please try again in a moment."},
        APIError,
        Next.UNKNOWN,
        "upstream",
    ),
    (
        "a_503_with_more_to_say",
        500,
        {"message": "Service temporarily unavailable. Please try again in a moment. Your remix continues."},
        APIError,
        Next.UNKNOWN,
        "continues",
    ),
    (
        "a_quoted_rate_limit",
        500,
        {"message": "model: Rate limits have been passed"},
        APIError,
        Next.UNKNOWN,
        "model",
    ),
    # Redirects of an order are never followed, and prove nothing: one may follow what the POST has made.
    ("300", 300, b"", APIError, Next.UNKNOWN, "redirect"),
    ("301", 301, b"", APIError, Next.UNKNOWN, "redirect"),
    ("302", 302, b"", APIError, Next.UNKNOWN, "redirect"),
    ("303", 303, b"", APIError, Next.UNKNOWN, "redirect"),
    ("304", 304, b"", APIError, Next.UNKNOWN, "redirect"),
    ("307", 307, b"", APIError, Next.UNKNOWN, "redirect"),
    ("308", 308, b"", APIError, Next.UNKNOWN, "redirect"),
    ("308_in_the_documents_words", 308, UNAVAILABLE, ServiceUnavailableError, Next.UNKNOWN, "unavailable"),
    # Neither a switch of protocols nor a success without a stream says that nothing was made.
    ("101", 101, b"", APIError, Next.UNKNOWN, "101"),
    ("202_with_nothing", 202, b"", APIError, Next.UNKNOWN, "nothing"),
    ("202_with_a_no", 202, {"success": False, "message": "Later"}, APIError, Next.UNKNOWN, "Later"),
    ("202_in_the_documents_words", 202, RATE_LIMITED, RateLimitError, Next.UNKNOWN, "ate limits"),
    ("204", 204, b"", APIError, Next.UNKNOWN, "nothing"),
    # Statuses that a gateway or a second delivery of the same order may bring.
    ("409", 409, {"detail": "in progress"}, APIError, Next.UNKNOWN, "in progress"),
    ("423", 423, b"", APIError, Next.UNKNOWN, "423"),
    ("460", 460, b"", APIError, Next.UNKNOWN, "460"),
    ("499", 499, b"", APIError, Next.UNKNOWN, "499"),
    ("700", 700, b"", APIError, Next.UNKNOWN, "700"),
    ("425", 425, b"", APIError, Next.REFUSED, "425"),
    ("451", 451, b"", APIError, Next.REFUSED, "451"),
    # A body that tells of the work contradicts its status.
    (
        "400_of_a_queued_remix",
        400,
        {"status": "queued", "detail": "slow"},
        InvalidRequestError,
        Next.UNKNOWN,
        "slow",
    ),
    # HTTP 200 that is no stream
    (
        "200_with_a_no",
        200,
        {"success": False, "message": "Try another song"},
        APIError,
        Next.UNKNOWN,  # only the document's own words are a refusal where the status speaks of success
        "another song",
    ),
    ("200_with_a_yes", 201, {"message": "Remix created"}, APIError, Next.UNKNOWN, "Remix created"),
    ("200_from_a_gateway", 200, {"error": "upstream request timeout"}, APIError, Next.UNKNOWN, "upstream"),
    ("200_with_nothing", 200, b"", APIError, Next.UNKNOWN, "nothing"),
    ("200_with_blanks", 200, b" \r\n", APIError, Next.UNKNOWN, "nothing"),
    ("200_with_html", 200, b"<!doctype html><title>Login</title><form>", APIError, Next.UNKNOWN, "Login"),
    ("200_with_text", 200, b"Hello", APIError, Next.UNKNOWN, "Hello"),
    ("200_with_bytes", 200, bytes(range(256)), APIError, Next.UNKNOWN, "not a remix stream"),
    ("200_with_a_list_of_things", 200, [1, 2], APIError, Next.UNKNOWN, "not a remix stream"),
    ("200_with_an_empty_object", 200, {}, APIError, Next.UNKNOWN, "not a remix stream"),
    ("200_with_null", 200, b"null", APIError, Next.UNKNOWN, "not a remix stream"),
    ("200_with_a_broken_gzip", 200, b"\x1f\x8b\x08\x00broken", APIError, Next.UNKNOWN, "nothing"),
    ("200_with_deep_json", 200, b"[" * 100000, APIError, Next.UNKNOWN, "not a remix stream"),
    # Inside a stream an order had been let in: a no that is not documented proves nothing.
    (
        "a_chunk_with_a_no",
        None,
        {"success": False, "message": "Worker lost"},
        APIError,
        Next.UNKNOWN,
        "Worker lost",
    ),
]


@pytest.mark.parametrize(
    ("name", "status", "body", "kind", "then", "says"), TABLE, ids=[row[0] for row in TABLE]
)
def test_every_other_answer_is_an_error_with_a_class(
    name: str, status: int | None, body: Any, kind: type[APIError], then: Next, says: str
) -> None:
    error = classify(status, {}, raw(body))
    assert type(error) is kind
    assert says in error.message
    assert error.status_code == status
    assert decide(sent=True, error=error) is then
    assert (error.spent is Spent.NO) is (then is not Next.UNKNOWN)
    assert len(str(error)) < 600
    assert error.hint


@pytest.mark.parametrize("chunk", [*stages(), {"job_id": "j"}, {"status": "failed", "error": "boom"}])
@pytest.mark.parametrize("status", [200, 206, None])
def test_a_chunk_is_no_error(chunk: dict[str, Any], status: int | None) -> None:
    assert classify(status, {"Content-Type": "text/event-stream"}, raw(chunk)) is None


@pytest.mark.parametrize(("body", "kind", "then"), DOCUMENTED, ids=KINDS)
def test_once_the_order_has_an_id_no_refusal_proves_that_it_was_free(
    body: Any, kind: type, then: Next
) -> None:
    error = classify(None, {}, raw(body), message_id="m-1")
    assert type(error) is kind
    assert error.message_id == "m-1"
    assert error.spent is Spent.MAYBE
    assert decide(sent=True, error=error, message_id=error.message_id) is Next.FOLLOW


@pytest.mark.parametrize(("body", "kind", "then"), DOCUMENTED, ids=KINDS)
def test_once_the_order_was_let_in_no_words_say_that_nothing_was_paid(
    body: Any, kind: type, then: Next
) -> None:
    error = classify(None, {}, raw(body), taken=True)
    assert type(error) is kind
    assert error.spent is Spent.MAYBE
    assert "Nothing was paid" not in str(error)
    assert "send it again." not in error.hint.replace("before you send it again.", "")


@pytest.mark.parametrize("name", ["message_id", "job_id"])
def test_an_id_inside_an_error_body_is_found(name: str) -> None:
    error = classify(200, {}, raw({**RATE_LIMITED, name: 77}))
    assert error is not None
    assert (error.message_id, error.spent) == ("77", Spent.MAYBE)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after": "0"}, 0.0),
        ({"RETRY-AFTER": " 3.5 "}, 3.5),
        ({"Retry-After": "-4"}, 0.0),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
@pytest.mark.parametrize(
    ("status", "body"), [(429, b""), (200, RATE_LIMITED), (503, UNAVAILABLE), (503, b"")]
)
def test_retry_after_is_carried_by_the_error(
    status: int, body: Any, headers: Mapping[str, str], wait: float | None
) -> None:
    error = classify(status, headers, raw(body))
    assert isinstance(error, (RateLimitError, ServiceUnavailableError))
    assert error.retry_after == wait


@pytest.mark.parametrize("status", [200, 400, 401, 500, 503, None])
@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "\x1b[31mred\x1b[0m \x00\x07 \u202e\u200b",
        "x" * 100_000,
        "Authorization: Bearer abcdef0123456789abcdef",
        "https://user:geheim@storage.example/a?X-Amz-Signature=0123456789abcdef",
        "line\nbreak\r\n\ttab",
    ],
)
def test_what_a_server_says_is_short_harmless_and_without_secrets(status: int | None, hostile: str) -> None:
    for body in (
        hostile.encode(),
        raw({"success": False, "message": hostile}),
        raw({"detail": [{"msg": hostile}]}),
    ):
        error = classify(status, {"Location": hostile}, body)
        assert error is not None
        text = str(error)
        assert len(text) < 700
        assert "<script" not in text
        assert all(char.isprintable() for char in text)
        assert "0123456789abcdef" not in text
        assert "geheim" not in text


def test_a_redirect_shows_where_it_leads_without_the_query() -> None:
    error = classify(307, {"Location": "https://elsewhere.example/v7?token=geheim"}, b"")
    assert error is not None
    assert "https://elsewhere.example/v7" in error.message
    assert "geheim" not in str(error)


@pytest.mark.parametrize(
    ("value", "chunk", "error"),
    [
        ({"status": "queued"}, True, False),
        ({"status": "failed", "error": "x"}, True, False),
        ({"message_id": "m", "success": False}, True, True),
        ({"detail": "x"}, False, True),
        ({"error": {"message": "x"}}, False, True),
        ({"message": ""}, False, False),
        ({}, False, False),
        ([], False, False),
        (None, False, False),
    ],
)
def test_a_value_is_a_chunk_an_error_or_neither(value: Any, chunk: bool, error: bool) -> None:
    assert (is_chunk(value), is_error_object(value)) == (chunk, error)


def test_only_documented_texts_are_documented_refusals() -> None:
    assert isinstance(
        documented_refusal({"status": "failed", "error": RATE_LIMITED["message"]}), RateLimitError
    )
    assert documented_refusal({"status": "failed", "error": "boom"}) is None
    assert documented_refusal(None) is None
