"""A bucket as people write it, "s3://my-bucket/remixes", taken apart and checked."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from soundverse_nb.errors import ConfigurationError

SCHEMES = {"s3": "S3", "gs": "Google Cloud Storage", "az": "Azure Blob Storage"}
_HOW = 'Write it as "s3://my-bucket/remixes", "gs://my-bucket/remixes" or "az://my-container/remixes".'


@dataclass(frozen=True)
class Bucket:
    """Where references are kept: `scheme` ("s3", "gs", "az"), the bucket's `name`, a `prefix` or ""."""

    scheme: str
    name: str
    prefix: str = ""

    @property
    def service(self) -> str:
        """The storage service's name, as a person says it."""
        return SCHEMES[self.scheme]

    def __str__(self) -> str:
        return f"{self.scheme}://{self.name}" + (f"/{self.prefix}" if self.prefix else "")


def parse_bucket(url: str) -> Bucket:
    """The bucket that a URL names; ConfigurationError where it names none."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        raise ConfigurationError("The bucket's URL cannot be read.", hint=_HOW) from None
    scheme = parts.scheme.lower()
    if scheme not in SCHEMES:
        said = f"{scheme}:" if scheme else "a URL without a scheme"
        raise ConfigurationError(f"A host got {said}, which is not a bucket's URL.", hint=_HOW)
    # What stands in these places may be a secret, so it is not repeated.
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ConfigurationError(
            f"The {scheme}:// URL has more in it than a bucket and a prefix.",
            hint="Give settings by name, for example ObjectStoreHost(url, region=...), and leave "
            "credentials to the environment.",
        )
    if not parts.netloc or any(c.isspace() for c in parts.netloc):
        raise ConfigurationError(f"{url!r} names no bucket.", hint=_HOW)
    steps = [step for step in parts.path.split("/") if step]
    if any(step in (".", "..") for step in steps):
        raise ConfigurationError(f"{url!r} has a '.' or '..' in its prefix.", hint=_HOW)
    return Bucket(scheme, parts.netloc, "/".join(steps))
