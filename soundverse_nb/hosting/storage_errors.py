"""What a storage service's refusal means, in one sentence; its own text is never repeated.

obstore's exceptions hold whole requests, addresses with signatures among them, and the services'
answers hold the string to sign. Only the error's code and the HTTP status are taken from them.
"""

from __future__ import annotations

import re
from enum import Enum

from soundverse_nb.errors import ConfigurationError, HostingError, SoundverseError
from soundverse_nb.hosting.bucket import Bucket
from soundverse_nb.hosting.credentials import no_credentials


class Refusal(Enum):
    """Why a storage service did not do what it was asked."""

    CREDENTIALS = "credentials"
    EXPIRED_CREDENTIALS = "expired credentials"
    NO_CREDENTIALS = "no credentials"
    NO_BUCKET = "no bucket"
    NOT_FOUND = "not found"
    PERMISSION = "permission"
    CLOCK = "clock"
    REGION = "region"
    CANNOT_SIGN = "cannot sign"
    SETTING = "setting"
    UNREACHABLE = "unreachable"
    CUT = "cut"
    BUSY = "busy"
    OTHER = "other"


# S3: docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html (Google's XML API shares the words);
# Azure: learn.microsoft.com/rest/api/storageservices/blob-service-error-codes and common error codes.
_CODES = {
    "InvalidAccessKeyId": Refusal.CREDENTIALS,
    "SignatureDoesNotMatch": Refusal.CREDENTIALS,
    "InvalidToken": Refusal.CREDENTIALS,
    "InvalidSecurity": Refusal.CREDENTIALS,
    "InvalidClientTokenId": Refusal.CREDENTIALS,
    "AuthenticationFailed": Refusal.CREDENTIALS,
    "InvalidAuthenticationInfo": Refusal.CREDENTIALS,
    "AuthenticationRequired": Refusal.CREDENTIALS,
    "ExpiredToken": Refusal.EXPIRED_CREDENTIALS,
    "TokenRefreshRequired": Refusal.EXPIRED_CREDENTIALS,
    "RequestExpired": Refusal.EXPIRED_CREDENTIALS,
    "NoSuchBucket": Refusal.NO_BUCKET,
    "InvalidBucketName": Refusal.NO_BUCKET,
    "ContainerNotFound": Refusal.NO_BUCKET,
    "ContainerBeingDeleted": Refusal.NO_BUCKET,
    "ContainerDisabled": Refusal.NO_BUCKET,
    "InvalidResourceName": Refusal.NO_BUCKET,
    "NoSuchKey": Refusal.NOT_FOUND,
    "BlobNotFound": Refusal.NOT_FOUND,
    "AccessDenied": Refusal.PERMISSION,
    "AllAccessDisabled": Refusal.PERMISSION,
    "AccountProblem": Refusal.PERMISSION,
    "NotSignedUp": Refusal.PERMISSION,
    "AuthorizationFailure": Refusal.PERMISSION,
    "AuthorizationPermissionMismatch": Refusal.PERMISSION,
    "InsufficientAccountPermissions": Refusal.PERMISSION,
    "KeyBasedAuthenticationNotPermitted": Refusal.PERMISSION,
    "PublicAccessNotPermitted": Refusal.PERMISSION,
    "RequestTimeTooSkewed": Refusal.CLOCK,
    "RequestNotValidYet": Refusal.CLOCK,
    "AuthorizationHeaderMalformed": Refusal.REGION,
    "PermanentRedirect": Refusal.REGION,
    "TemporaryRedirect": Refusal.REGION,
    "IllegalLocationConstraintException": Refusal.REGION,
    "SlowDown": Refusal.BUSY,
    "ServerBusy": Refusal.BUSY,
    "ServiceUnavailable": Refusal.BUSY,
    "InternalError": Refusal.BUSY,
    "OperationTimedOut": Refusal.BUSY,
    "IncompleteBody": Refusal.CUT,
    "RequestTimeout": Refusal.CUT,
}

# Phrases of the libraries between us and the service, which have no codes: first match wins.
_PHRASES = (
    (re.compile(r"Request date header too old|not in the allowed time window|reasonable timeframe", re.I),
     Refusal.CLOCK),
    (re.compile(r"169\.254\.169\.254|metadata\.google\.internal|az account get-access-token|MissingCredential"
                r"|latest/api/token", re.I), Refusal.NO_CREDENTIALS),
    (re.compile(r"invalid_grant|invalid_client|unauthorized_client", re.I), Refusal.CREDENTIALS),
    (re.compile(r"incorrectly configured region", re.I), Refusal.REGION),
    (re.compile(r"Container must be specified|Missing (bucket|container) name|Account must be specified"
                r"|Configuration key|MissingAccount|InvalidEncryption|UnknownConfigurationKey", re.I),
     Refusal.SETTING),
    (re.compile(r"not supported.*sign|sign.*not supported|SASforSASNotSupported", re.I), Refusal.CANNOT_SIGN),
    (re.compile(r"error decoding (service account|credential)|Unable to (open|read) service account", re.I),
     Refusal.CREDENTIALS),
    (re.compile(r"kind: (Connect|Timeout),|dns error|ConnectionRefused|BadScheme|builder error", re.I),
     Refusal.UNREACHABLE),
    (re.compile(r"kind: (Request|Interrupted|Decode)|ConnectionReset|BrokenPipe|IncompleteMessage"
                r"|UnexpectedEof|connection closed", re.I), Refusal.CUT),
)  # fmt: skip

_TAKEN_BACK = re.compile(r"performing DELETE \S+[?&]uploadId=")
_CODE = re.compile(r"<Code>\s*(\w+)\s*</Code>|\bcode\"?\s*:\s*\"?([A-Za-z]\w+)|x-ms-error-code\W+(\w+)")
_STATUS = re.compile(r"status code: (\d{3})|status: (\d{3})")
_TIMES = re.compile(
    r"<RequestTime>(\d{8}T\d{6}Z)</RequestTime>.*?<ServerTime>([\dT:.-]+Z)</ServerTime>", re.S
)


def code_of(text: str) -> str | None:
    """The storage service's own code in an answer or an exception's text, for example "NoSuchBucket"."""
    found = _CODE.search(text)
    return next((group for group in found.groups() if group), None) if found else None


def status_of(text: str) -> int | None:
    """The HTTP status in an exception's text."""
    found = _STATUS.search(text)
    return int(found.group(1) or found.group(2)) if found else None


def classify(kind: str, text: str) -> Refusal:
    """What an exception of obstore means.

    `kind` is the exception's class name, `text` its text. The service's code decides; where there is
    none, the libraries' phrases do, then the HTTP status, then the class.
    """
    # A broken upload of parts is taken back; where that fails too, obstore tells of that alone.
    if _TAKEN_BACK.search(text):
        return Refusal.CUT
    code = code_of(text)
    # Azure says AuthenticationFailed for a wrong clock too; the detail tells them apart.
    if code == "AuthenticationFailed" and _PHRASES[0][0].search(text):
        return Refusal.CLOCK
    if code in _CODES:
        return _CODES[code]
    for phrase, refusal in _PHRASES:
        if phrase.search(text):
            return refusal
    status = status_of(text)
    if status is not None:
        return _by_status(status)
    return _CLASSES.get(kind, Refusal.OTHER)


_CLASSES = {
    "PermissionDeniedError": Refusal.PERMISSION,
    "UnauthenticatedError": Refusal.CREDENTIALS,
    "FileNotFoundError": Refusal.NOT_FOUND,
    "UnknownConfigurationKeyError": Refusal.SETTING,
    "InvalidPathError": Refusal.SETTING,
    "NotSupportedError": Refusal.CANNOT_SIGN,
}


def _by_status(status: int) -> Refusal:
    if status == 401:
        return Refusal.CREDENTIALS
    if status == 403:
        return Refusal.PERMISSION
    if status == 404:
        return Refusal.NOT_FOUND
    if 300 <= status < 400:
        return Refusal.REGION
    return Refusal.BUSY if status >= 500 or status == 429 else Refusal.OTHER


_HINTS = {
    "s3": "The policy needs s3:PutObject and s3:GetObject there, and s3:DeleteObject for delete=True.",
    "gs": "The role needs storage.objects.create and .get there, .delete for delete=True.",
    "az": "The role Storage Blob Data Contributor on the container has what is needed.",
}


def explain(bucket: Bucket, kind: str, text: str) -> SoundverseError:
    """The error to raise for an exception of obstore: what happened, and what to do next."""
    refusal = classify(kind, text)
    code, status = code_of(text), status_of(text)
    said = code or (f"HTTP {status}" if status else kind)
    if refusal is Refusal.NO_CREDENTIALS:
        return no_credentials(bucket.scheme)
    if refusal is Refusal.CREDENTIALS:
        return ConfigurationError(
            f"{bucket.service} does not accept the credentials for {bucket} ({said}).",
            hint="Check them with the storage service's own tools on this machine.",
        )
    if refusal is Refusal.EXPIRED_CREDENTIALS:
        return ConfigurationError(
            f"The credentials for {bucket} have run out ({said}).",
            hint="Log in again, then run it once more.",
        )
    if refusal is Refusal.NO_BUCKET or refusal is Refusal.NOT_FOUND:
        return ConfigurationError(
            f"There is no bucket {bucket.name} at {bucket.service} ({said}).",
            hint="Check the name, the endpoint and the region, or create the bucket.",
        )
    if refusal is Refusal.PERMISSION:
        return ConfigurationError(
            f"These credentials have no permission for {bucket} ({said}).", hint=_HINTS[bucket.scheme]
        )
    if refusal is Refusal.CLOCK:
        return ConfigurationError(
            f"This machine's clock differs too much from {bucket.service}'s{_difference(text)}.",
            hint="Set the clock (most systems do it by themselves: switch on network time).",
        )
    if refusal is Refusal.REGION:
        return ConfigurationError(
            f"{bucket} is in another region than the one it was asked for in ({said}).",
            hint='Name its region: ObjectStoreHost(..., region="eu-central-1"), or set AWS_REGION.',
        )
    if refusal is Refusal.CANNOT_SIGN:
        return _unsigned(bucket)
    if refusal is Refusal.SETTING:
        return ConfigurationError(
            f"A setting for {bucket} is missing or not known to {bucket.service}.",
            hint="Check the names given to the host; Azure needs account_name= or AZURE_STORAGE_ACCOUNT.",
        )
    return _trouble(bucket, refusal, said)


_SIGNERS = {
    "s3": "Use an access key or a role.",
    "gs": "Use a service account: set GOOGLE_APPLICATION_CREDENTIALS to its key file, or give it the role "
    "Service Account Token Creator.",
    "az": "Use an account key or a login instead of a shared access signature.",
}


def cannot_sign(bucket: Bucket, kind: str, text: str) -> SoundverseError:
    """The error to raise where obstore could not sign a URL."""
    refusal = classify(kind, text)
    if refusal in (Refusal.UNREACHABLE, Refusal.BUSY, Refusal.CLOCK, Refusal.NO_CREDENTIALS, Refusal.CUT):
        return explain(bucket, kind, text)
    return _unsigned(bucket)


def _unsigned(bucket: Bucket) -> ConfigurationError:
    return ConfigurationError(
        f"The credentials for {bucket} can upload but not sign a URL.", hint=_SIGNERS[bucket.scheme]
    )


def _trouble(bucket: Bucket, refusal: Refusal, said: str) -> HostingError:
    again = "Nothing is left behind; run it again."
    if refusal is Refusal.UNREACHABLE:
        return HostingError(
            f"{bucket.service} could not be reached for {bucket}.",
            hint="Check the network and the endpoint, then run it again.",
        )
    if refusal is Refusal.CUT:
        return HostingError(f"The connection to {bucket.service} broke while {bucket} was used.", hint=again)
    if refusal is Refusal.BUSY:
        return HostingError(
            f"{bucket.service} is busy or has a fault ({said}).", hint="Try again in a moment."
        )
    return HostingError(f"{bucket.service} did not take the file for {bucket} ({said}).", hint=again)


def _difference(text: str) -> str:
    """How far apart the clocks are, where the service told both times."""
    found = _TIMES.search(text)
    if not found:
        return ""
    from datetime import datetime, timezone

    ours = datetime.strptime(found.group(1), "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
    theirs_text = re.sub(r"\.\d+Z$", "Z", found.group(2))
    theirs = datetime.strptime(theirs_text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    minutes = round((ours - theirs).total_seconds() / 60)
    return f": it is {abs(minutes)} minutes {'ahead' if minutes > 0 else 'behind'}"
