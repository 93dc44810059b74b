"""Storage errors: answers of S3, Google and Azure, and exceptions of obstore, as errors of this package."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from enum import Enum

from soundverse_nb.errors import ConfigurationError, HostingError, SoundverseError
from soundverse_nb.hosting.bucket import Bucket, no_credentials


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
    ENCRYPTION = "encryption"
    ENCRYPTION_KEY = "encryption key"
    CHECKSUM = "checksum"
    LOCKED = "locked"
    NOT_OFFERED = "not offered"
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
    "BlobImmutableDueToPolicy": Refusal.LOCKED,
    "BlobImmutableDueToLegalHold": Refusal.LOCKED,
    "ObjectLocked": Refusal.LOCKED,
    "RetentionPolicyNotMet": Refusal.LOCKED,
    "KeyVaultEncryptionKeyNotFound": Refusal.ENCRYPTION_KEY,
    "KeyVaultAccessTokenCannotBeAcquired": Refusal.ENCRYPTION,
    "NotImplemented": Refusal.NOT_OFFERED,
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

# What hides behind a code that says little, such as AccessDenied or InvalidRequest: the message tells.
_MESSAGES = (
    (re.compile(r"\bkms:\w+|Cloud KMS key|cloudkms\.", re.I), Refusal.ENCRYPTION),
    (re.compile(r"(Content-MD5|x-amz-checksum).{0,80}Object Lock", re.I | re.S), Refusal.CHECKSUM),
    (
        re.compile(r"object lock|WORM protected|retention policy|legal hold|event-based hold", re.I),
        Refusal.LOCKED,
    ),
)
_VAGUE = frozenset({None, "AccessDenied", "InvalidRequest", "Forbidden", "forbidden", "conditionNotMet"})
_KMS_DENIES = frozenset({"KMS.AccessDeniedException", "KMS.NotAuthorizedException"})
# Where S3 says that a bucket is: in a header, in an element of its own, in words, in the endpoint it names.
_REGIONS = (
    re.compile(r"x-amz-bucket-region\W{1,4}([a-z]{2}[a-z0-9-]{2,30})", re.I),
    re.compile(r"<Region>\s*([a-z0-9-]{2,32})\s*</Region>"),
    re.compile(r"expecting '([a-z0-9-]{2,32})'"),
    re.compile(r"<Endpoint>[^<]*\bs3[.-]([a-z]{2}-[a-z0-9-]{2,30})\.amazonaws", re.I),
    re.compile(r"The ([a-z]{2}-[a-z0-9-]{2,30}) location constraint is incompatible"),
)
_TAKEN_BACK = re.compile(r"performing DELETE \S+[?&]uploadId=")
_CODE = re.compile(r"<Code>\s*([\w.]+)\s*</Code>|\bcode\"?\s*:\s*\"?([A-Za-z]\w+)|x-ms-error-code\W+(\w+)")
_STATUS = re.compile(r"status code: (\d{3})|status: (\d{3})")


def code_of(text: str) -> str | None:
    """The storage service's own code in an answer or an exception's text, for example "NoSuchBucket"."""
    found = _CODE.search(text)
    return next((group for group in found.groups() if group), None) if found else None


def region_of(text: str) -> str | None:
    """The region that an answer of S3 says a bucket is in; None where it does not say."""
    found = next((match for pattern in _REGIONS if (match := pattern.search(text))), None)
    return found[1].lower() if found else None


def permission_of(text: str) -> str | None:
    """The permission on a key that an answer names as missing, for example "kms:GenerateDataKey"."""
    found = re.search(r"\b(kms:[A-Za-z]+)\b", text)
    return found[1] if found else None


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
    if code is not None and code.startswith("KMS."):
        return Refusal.ENCRYPTION if code in _KMS_DENIES else Refusal.ENCRYPTION_KEY
    if code in _VAGUE:
        for words, refusal in _MESSAGES:
            if words.search(text):
                return refusal
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
    if status in (501, 505):
        return Refusal.NOT_OFFERED
    return Refusal.BUSY if status >= 500 or status == 429 else Refusal.OTHER


_TIMES = re.compile(
    r"<RequestTime>(\d{8}T\d{6}Z)</RequestTime>.*?<ServerTime>([\dT:.-]+Z)</ServerTime>", re.S
)

_AGAIN = "Nothing is left behind; run it again."

# Refusal -> the error's class, what happened, what to do next (one text, or one for each scheme).
_SENTENCES: dict[Refusal, tuple[type[SoundverseError], str, str | dict[str, str]]] = {
    Refusal.CREDENTIALS: (
        ConfigurationError,
        "{service} does not accept the credentials for {bucket} ({said}).",
        "Check them with the storage service's own tools on this machine.",
    ),
    Refusal.UNREADABLE_CREDENTIALS: (
        ConfigurationError,
        "The credentials for {bucket} cannot be read.",
        {
            "s3": "Check the access key.",
            "gs": "Check the key file in GOOGLE_APPLICATION_CREDENTIALS.",
            "az": "Check the account key: it is base64, copied whole.",
        },
    ),
    Refusal.EXPIRED_CREDENTIALS: (
        ConfigurationError,
        "The credentials for {bucket} have run out ({said}).",
        "Log in again, then run it once more.",
    ),
    Refusal.NO_BUCKET: (
        ConfigurationError,
        "There is no bucket {bucket.name} at {service} ({said}).",
        "Check the name, the endpoint and the region, or create the bucket.",
    ),
    Refusal.PERMISSION: (
        ConfigurationError,
        "These credentials have no permission for {bucket} ({said}).",
        {
            "s3": "The policy needs s3:PutObject and s3:GetObject, and s3:DeleteObject for delete=True; "
            "where the bucket encrypts with a KMS key, kms:GenerateDataKey and kms:Decrypt on it too.",
            "gs": "The role needs storage.objects.create and .get there, .delete for delete=True.",
            "az": "The role Storage Blob Data Contributor on the container has what is needed.",
        },
    ),
    Refusal.CLOCK: (
        ConfigurationError,
        "This machine's clock differs too much from {service}'s{difference}.",
        "Set the clock (most systems do it by themselves: switch on network time).",
    ),
    Refusal.REGION: (
        ConfigurationError,
        "{bucket} is in {region} than the one it was asked for in ({said}).",
        {
            "s3": "Name its region, ObjectStoreHost(..., region=...), or set AWS_REGION; "
            "`aws s3api get-bucket-location --bucket {bucket.name}` tells which it is.",
            "gs": "Check the endpoint.",
            "az": "Check the account's name and the endpoint.",
        },
    ),
    Refusal.ENCRYPTION: (
        ConfigurationError,
        "{bucket} encrypts with a key of its own, which these credentials may not use ({said}).",
        {
            "s3": "The policy needs {permission} on that key, and the key's own policy has to allow it.",
            "gs": "The bucket's service agent needs the role Cloud KMS CryptoKey Encrypter/Decrypter on that "
            "key.",
            "az": "The storage account's identity needs access to that key in its Key Vault.",
        },
    ),
    Refusal.ENCRYPTION_KEY: (
        ConfigurationError,
        "The key that {bucket} encrypts with cannot be used ({said}).",
        "Is it disabled, deleted, or in another region? Enable it, or give the bucket another one.",
    ),
    Refusal.CHECKSUM: (
        ConfigurationError,
        "{bucket} has Object Lock on and takes no upload without a checksum ({said}).",
        'Give one: ObjectStoreHost(..., checksum_algorithm="SHA256").',
    ),
    Refusal.LOCKED: (
        ConfigurationError,
        "{bucket} lets no file be deleted or replaced for a time: retention or Object Lock ({said}).",
        "Leave delete=True out there, or use a bucket without retention; a lifecycle rule tidies up later.",
    ),
    Refusal.NOT_OFFERED: (
        ConfigurationError,
        "The store behind {bucket} does not offer what an upload needs ({said}).",
        "Trying again does not help: update that server, or use another store.",
    ),
    Refusal.CANNOT_SIGN: (
        ConfigurationError,
        "The credentials for {bucket} can upload but not sign a URL.",
        {
            "s3": "Use an access key or a role.",
            "gs": "Use a service account: set GOOGLE_APPLICATION_CREDENTIALS to its key file, or give it "
            "the role Service Account Token Creator.",
            "az": "Use an account key or a login instead of a shared access signature.",
        },
    ),
    Refusal.SETTING: (
        ConfigurationError,
        "A setting for {bucket} is missing or not known to {service}.",
        "Check the names given to the host; Azure needs account_name= or AZURE_STORAGE_ACCOUNT.",
    ),
    Refusal.UNREACHABLE: (
        HostingError,
        "{service} could not be reached for {bucket}.",
        "Check the network and the endpoint, then run it again.",
    ),
    Refusal.CUT: (HostingError, "The connection to {service} broke while {bucket} was used.", _AGAIN),
    Refusal.BUSY: (HostingError, "{service} is busy or has a fault ({said}).", "Try again in a moment."),
    Refusal.OTHER: (HostingError, "{service} did not do what was asked for {bucket} ({said}).", _AGAIN),
}
# An upload that finds nothing finds no bucket: the object itself need not be there.
_SENTENCES[Refusal.NOT_FOUND] = _SENTENCES[Refusal.NO_BUCKET]

# What has nothing to do with signing, though it happened while a URL was signed.
_NOT_THE_SIGNATURE = frozenset(
    {Refusal.UNREACHABLE, Refusal.BUSY, Refusal.CLOCK, Refusal.NO_CREDENTIALS, Refusal.CUT}
)


def explain(bucket: Bucket, kind: str, text: str) -> SoundverseError:
    """The error to raise for an exception of obstore, given its class name and its text."""
    return _error(bucket, classify(kind, text), kind, text)


def cannot_sign(bucket: Bucket, kind: str, text: str) -> SoundverseError:
    """The error to raise where obstore could not sign a URL."""
    refusal = classify(kind, text)
    return _error(bucket, refusal if refusal in _NOT_THE_SIGNATURE else Refusal.CANNOT_SIGN, kind, text)


def _error(bucket: Bucket, refusal: Refusal, kind: str, text: str) -> SoundverseError:
    if refusal is Refusal.NO_CREDENTIALS:
        return no_credentials(bucket.scheme)
    status = status_of(text)
    said = code_of(text) or (f"HTTP {status}" if status else kind)
    error, what, hint = _SENTENCES[refusal]
    hint = hint if isinstance(hint, str) else hint[bucket.scheme]
    region = region_of(text) if refusal is Refusal.REGION else None
    if region:
        hint = f'Name its region: ObjectStoreHost(..., region="{region}"), or set AWS_REGION={region}.'
    facts = {
        "service": bucket.service,
        "bucket": bucket,
        "said": said,
        "difference": _difference(text),
        "region": f"{region}, another region" if region else "another region",
        "permission": _permissions(text),
    }
    return error(what.format(**facts), hint=hint.format(**facts))


def _permissions(text: str) -> str:
    """What is missing on a key: as it was named, and what comes next where uploads have many parts."""
    usual = ("kms:GenerateDataKey", "kms:Decrypt")
    named = permission_of(text)
    return " and ".join(dict.fromkeys((named, *usual) if named else usual))


def _difference(text: str) -> str:
    """How far apart the clocks are, where the service told both times."""
    found = _TIMES.search(text)
    if not found:
        return ""
    ours = datetime.strptime(found.group(1), "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
    theirs_text = re.sub(r"\.\d+Z$", "Z", found.group(2))
    theirs = datetime.strptime(theirs_text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    minutes = round((ours - theirs).total_seconds() / 60)
    return f": it is {abs(minutes)} minutes {'ahead' if minutes > 0 else 'behind'}"
