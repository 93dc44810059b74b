"""What storage services' refusals mean. The texts are obstore's, shortened, with the services' own words."""

from __future__ import annotations

import pytest

from soundverse_nb.errors import ConfigurationError, HostingError, Spent
from soundverse_nb.hosting.bucket import Bucket
from soundverse_nb.hosting.storage_errors import cannot_sign, explain
from soundverse_nb.hosting.storage_refusals import Refusal, classify

S3 = Bucket("s3", "songs", "a")


def xml(code: str, status: str = "403 Forbidden", detail: str = "") -> str:
    return (
        f"Error performing PUT https://s3.amazonaws.com/songs/a/x.mp3?X-Amz-Signature=s3cret in 2ms - Server "
        f'returned non-2xx status code: {status}: <?xml version="1.0"?>\n<Error><Code>{code}</Code>'
        f"<Message>Something s3cret</Message>{detail}<StringToSign>s3cret</StringToSign></Error>"
    )


def http(inner: str) -> str:
    return f"Generic S3 error: HTTP error: error sending request\n inner: Http(\n HttpError {{\n {inner}"


TABLE = [
    ("PermissionDeniedError", xml("InvalidAccessKeyId"), Refusal.CREDENTIALS),
    ("PermissionDeniedError", xml("SignatureDoesNotMatch"), Refusal.CREDENTIALS),
    ("UnauthenticatedError", "status code: 401 Unauthorized: ", Refusal.CREDENTIALS),
    ("UnauthenticatedError", "no status", Refusal.CREDENTIALS),
    ("GenericError", xml("ExpiredToken", "400 Bad Request"), Refusal.EXPIRED_CREDENTIALS),
    ("FileNotFoundError", xml("NoSuchBucket", "404 Not Found"), Refusal.NO_BUCKET),
    ("FileNotFoundError", xml("ContainerNotFound", "404 Not Found"), Refusal.NO_BUCKET),
    ("GenericError", xml("InvalidBucketName", "400 Bad Request"), Refusal.NO_BUCKET),
    ("FileNotFoundError", "status code: 404 Not Found: ", Refusal.NOT_FOUND),
    ("PermissionDeniedError", xml("AccessDenied"), Refusal.PERMISSION),
    ("PermissionDeniedError", xml("AuthorizationPermissionMismatch"), Refusal.PERMISSION),
    ("PermissionDeniedError", "status code: 403 Forbidden: ", Refusal.PERMISSION),
    ("GenericError", 'DeleteFailed { path: "x", code: "AccessDenied", message: "x" }', Refusal.PERMISSION),
    ("PermissionDeniedError", xml("RequestTimeTooSkewed"), Refusal.CLOCK),
    (
        "PermissionDeniedError",
        xml("AuthenticationFailed", detail="<AuthenticationErrorDetail>Request date header too old: 'Sun'"),
        Refusal.CLOCK,
    ),
    (
        "PermissionDeniedError",
        xml("AuthenticationFailed", detail="<AuthenticationErrorDetail>The MAC signature is not the same"),
        Refusal.CREDENTIALS,
    ),
    (
        "GenericError",
        '"error": "invalid_grant", "error_description": "Token must be a short-lived token (60 minutes) and '
        'in a reasonable timeframe. Check your iat and exp values"',
        Refusal.CLOCK,
    ),
    ("GenericError", '{"error": "invalid_grant", "error_description": "Invalid"}', Refusal.CREDENTIALS),
    ("GenericError", xml("AuthorizationHeaderMalformed", "400 Bad Request"), Refusal.REGION),
    (
        "GenericError",
        "Received redirect without LOCATION, this normally indicates an incorrectly configured region",
        Refusal.REGION,
    ),
    ("HTTP", "status: 301 ", Refusal.REGION),
    ("GenericError", "Error performing PUT http://169.254.169.254/latest/api/token", Refusal.NO_CREDENTIALS),
    ("GenericError", "Error performing GET http://metadata.google.internal/x", Refusal.NO_CREDENTIALS),
    ("GenericError", "source: OpenCredentials { source: Os { code: 2", Refusal.UNREADABLE_CREDENTIALS),
    ("GenericError", "Invalid Access Key: ... source: InvalidAccessKey {", Refusal.UNREADABLE_CREDENTIALS),
    ("GenericError", http("kind: Connect,\n source: reqwest::Error"), Refusal.UNREACHABLE),
    ("GenericError", http("kind: Timeout,\n source: reqwest::Error"), Refusal.UNREACHABLE),
    ("GenericError", http("kind: Request, ... dns error: failed to lookup"), Refusal.UNREACHABLE),
    ("GenericError", http('kind: Interrupted, ... kind: ConnectionReset, message: "reset"'), Refusal.CUT),
    ("GenericError", "Error performing DELETE http://x/y?uploadId=1 - status code: 405", Refusal.CUT),
    ("GenericError", xml("SlowDown", "503 Service Unavailable"), Refusal.BUSY),
    ("GenericError", "status code: 500 Internal Server Error: oops", Refusal.BUSY),
    ("UnknownConfigurationKeyError", "Configuration key: 'regoin' is not known.", Refusal.SETTING),
    ("InvalidPathError", "x", Refusal.SETTING),
    ("NotSupportedError", "Operation not supported", Refusal.CANNOT_SIGN),
    ("GenericError", "something new", Refusal.OTHER),
    ("GenericError", xml("SomethingNew", "418 I'm a teapot"), Refusal.OTHER),
    ("GenericError", "", Refusal.OTHER),
]


@pytest.mark.parametrize(("kind", "text", "refusal"), TABLE)
def test_a_refusal_is_recognised(kind: str, text: str, refusal: Refusal) -> None:
    assert classify(kind, text) is refusal


@pytest.mark.parametrize("scheme", ["s3", "gs", "az"])
@pytest.mark.parametrize(("kind", "text", "refusal"), TABLE)
def test_every_refusal_has_a_sentence_without_the_services_own_text(
    kind: str, text: str, refusal: Refusal, scheme: str
) -> None:
    bucket = Bucket(scheme, "songs")
    for error in (explain(bucket, kind, text), cannot_sign(bucket, kind, text)):
        assert isinstance(error, (ConfigurationError, HostingError))
        assert error.spent is Spent.NO
        assert error.hint
        assert "s3cret" not in str(error)
        assert "{" not in str(error)


def test_what_went_wrong_elsewhere_is_not_blamed_on_the_signature() -> None:
    assert "not sign" in cannot_sign(S3, "GenericError", "status code: 403 Forbidden").message
    assert "could not be reached" in cannot_sign(S3, "GenericError", http("kind: Connect,")).message


def test_the_services_code_is_told_since_people_look_it_up() -> None:
    assert "(NoSuchBucket)" in explain(S3, "FileNotFoundError", xml("NoSuchBucket", "404")).message
    assert "(HTTP 418)" in explain(S3, "GenericError", "status code: 418 I'm a teapot").message
