"""Why a storage service did not do what it was asked, read from its answer or from obstore's exception."""

from __future__ import annotations

import re
from enum import Enum


class Refusal(Enum):
    """Why a storage service did not do what it was asked."""

    CREDENTIALS = "credentials"
    EXPIRED_CREDENTIALS = "expired credentials"
    NO_CREDENTIALS = "no credentials"
    UNREADABLE_CREDENTIALS = "unreadable credentials"
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
    (re.compile(r"(OpenCredentials|DecodeCredentials|InvalidAccessKey|InvalidKey|UnsupportedKey) \{"
                r"|Unable to (open|read|decode) service account", re.I), Refusal.UNREADABLE_CREDENTIALS),
    (re.compile(r"kind: (Connect|Timeout),|dns error|ConnectionRefused|BadScheme|builder error", re.I),
     Refusal.UNREACHABLE),
    (re.compile(r"kind: (Request|Interrupted|Decode)|ConnectionReset|BrokenPipe|IncompleteMessage"
                r"|UnexpectedEof|connection closed", re.I), Refusal.CUT),
)  # fmt: skip

_TAKEN_BACK = re.compile(r"performing DELETE \S+[?&]uploadId=")
_CODE = re.compile(r"<Code>\s*(\w+)\s*</Code>|\bcode\"?\s*:\s*\"?([A-Za-z]\w+)|x-ms-error-code\W+(\w+)")
_STATUS = re.compile(r"status code: (\d{3})|status: (\d{3})")


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
