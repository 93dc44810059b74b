"""What a storage service's refusal means, in one sentence; its own text is never repeated.

obstore's exceptions hold whole requests, addresses with signatures among them, and the services'
answers hold the string to sign. Only the error's code, the HTTP status and the times are taken from them.
"""

from __future__ import annotations

import re
from datetime import datetime, timezone

from soundverse_nb.errors import ConfigurationError, HostingError, SoundverseError
from soundverse_nb.hosting.bucket import Bucket
from soundverse_nb.hosting.credentials import no_credentials
from soundverse_nb.hosting.storage_refusals import (
    Refusal,
    classify,
    code_of,
    permission_of,
    region_of,
    status_of,
)

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
