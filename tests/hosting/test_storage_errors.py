"""What storage services' refusals mean. The texts are obstore's, shortened, with the services' own words."""

from __future__ import annotations

import pytest

from soundverse_nb.errors import ConfigurationError, HostingError, Spent
from soundverse_nb.hosting.bucket import Bucket
from soundverse_nb.hosting.storage_errors import Refusal, cannot_sign, classify, explain

S3 = Bucket("s3", "songs", "a")


KMS_DENIED = "User x is not authorized to perform: kms:GenerateDataKey on resource: arn:aws:kms:s3cret"
NO_CHECKSUM = "Content-MD5 OR x-amz-checksum- HTTP header is required for requests with Object Lock"
PROTECTED = "Access Denied because object protected by object lock."


def xml(code: str, status: str = "403 Forbidden", detail: str = "", message: str = "Something s3cret") -> str:
    return (
        f"Error performing PUT https://s3.amazonaws.com/songs/a/x.mp3?X-Amz-Signature=s3cret in 2ms - Server "
        f'returned non-2xx status code: {status}: <?xml version="1.0"?>\n<Error><Code>{code}</Code>'
        f"<Message>{message}</Message>{detail}<StringToSign>s3cret</StringToSign></Error>"
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
    ("GenericError", xml("PermanentRedirect", "301 Moved"), Refusal.REGION),
    ("PermissionDeniedError", xml("AccessDenied", message=KMS_DENIED), Refusal.ENCRYPTION),
    ("GenericError", xml("KMS.AccessDeniedException", "400 Bad Request"), Refusal.ENCRYPTION),
    ("GenericError", xml("KMS.DisabledException", "400 Bad Request"), Refusal.ENCRYPTION_KEY),
    ("GenericError", xml("KMS.NotFoundException", "400 Bad Request"), Refusal.ENCRYPTION_KEY),
    ("GenericError", xml("KMS.KMSInvalidStateException", "400 Bad Request"), Refusal.ENCRYPTION_KEY),
    ("PermissionDeniedError", "status: 403 Permission denied on Cloud KMS key 'k'", Refusal.ENCRYPTION),
    ("GenericError", xml("InvalidRequest", "400 Bad Request", message=NO_CHECKSUM), Refusal.CHECKSUM),
    ("GenericError", xml("InvalidRequest", "400 Bad Request"), Refusal.OTHER),
    ("PermissionDeniedError", xml("AccessDenied", message=PROTECTED), Refusal.LOCKED),
    ("GenericError", f'DeleteFailed {{ code: "AccessDenied", message: "{PROTECTED}" }}', Refusal.LOCKED),
    ("GenericError", xml("BlobImmutableDueToPolicy", "409 Conflict"), Refusal.LOCKED),
    ("PermissionDeniedError", "status: 403 Object is subject to bucket's retention policy", Refusal.LOCKED),
    ("GenericError", xml("NotImplemented", "501 Not Implemented"), Refusal.NOT_OFFERED),
    ("GenericError", "status code: 501 Not Implemented: ", Refusal.NOT_OFFERED),
    ("HTTP", "status: 501 ", Refusal.NOT_OFFERED),
    ("GenericError", "status code: 503 Service Unavailable: ", Refusal.BUSY),
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


@pytest.mark.parametrize(
    "told",
    [
        xml("AuthorizationHeaderMalformed", detail="<Region>eu-west-1</Region>"),
        xml("AuthorizationHeaderMalformed", message="the region 'us-east-1' is wrong; expecting 'eu-west-1'"),
        xml("PermanentRedirect", detail="<Endpoint>songs.s3.eu-west-1.amazonaws.com</Endpoint>"),
        xml("PermanentRedirect", detail="<Endpoint>songs.s3-eu-west-1.amazonaws.com</Endpoint>"),
        xml(
            "IllegalLocationConstraintException",
            message="The eu-west-1 location constraint is incompatible for the region specific endpoint",
        ),
        "status: 301 x-amz-bucket-region: eu-west-1 ",
    ],
)
def test_a_bucket_elsewhere_is_told_with_its_own_region(told: str) -> None:
    error = explain(S3, "GenericError", told)
    assert 'region="eu-west-1"' in error.hint
    assert "eu-west-1" in error.message


@pytest.mark.parametrize("told", [xml("PermanentRedirect"), "status: 301 ", "incorrectly configured region"])
def test_a_region_that_is_not_told_is_not_made_up(told: str) -> None:
    error = explain(S3, "GenericError", told)
    assert "get-bucket-location --bucket songs" in error.hint
    assert "eu-" not in str(error)
    assert "us-" not in str(error)


def test_a_permission_on_a_key_is_named() -> None:
    error = explain(S3, "PermissionDeniedError", xml("AccessDenied", message=KMS_DENIED))
    assert "kms:GenerateDataKey" in error.hint
    denied = KMS_DENIED.replace("GenerateDataKey", "Encrypt")
    assert "kms:Encrypt" in explain(S3, "PermissionDeniedError", xml("AccessDenied", message=denied)).hint
    assert "kms:GenerateDataKey" in explain(S3, "PermissionDeniedError", xml("AccessDenied")).hint


def test_what_a_store_cannot_do_is_not_called_busy() -> None:
    for told in (xml("NotImplemented", "501 Not Implemented"), "status code: 501 Not Implemented"):
        error = explain(S3, "GenericError", told)
        assert "busy" not in str(error)
        assert "again does not help" in error.hint
    assert "busy" in explain(S3, "GenericError", "status code: 503 Service Unavailable").message


def test_object_lock_names_what_helps() -> None:
    uploading = explain(S3, "GenericError", xml("InvalidRequest", "400 Bad Request", message=NO_CHECKSUM))
    assert 'checksum_algorithm="SHA256"' in uploading.hint
    deleting = explain(S3, "PermissionDeniedError", xml("AccessDenied", message=PROTECTED))
    assert "delete=True" in deleting.hint
