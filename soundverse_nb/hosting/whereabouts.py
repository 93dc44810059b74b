"""Where a bucket is: S3 tells whoever asks in the wrong region, in a header that obstore leaves out."""

from __future__ import annotations

import asyncio

import aiohttp
from yarl import URL

from soundverse_nb.api.way import Way

_S3 = "https://s3.amazonaws.com"
_PATIENCE = aiohttp.ClientTimeout(total=10)
_HEADER = "x-amz-bucket-region"


async def whereabouts(bucket: str, endpoint: str | None, way: Way) -> str:
    """The header that names the bucket's region, or "" where none does. Asks without credentials."""
    url = f"{(endpoint or _S3).rstrip('/')}/{bucket}"
    try:
        async with (
            aiohttp.ClientSession(timeout=_PATIENCE) as session,
            session.head(
                URL(url, encoded=True), allow_redirects=False, proxy=way.proxy_for(url), ssl=way.ssl
            ) as answer,
        ):
            found = answer.headers.get(_HEADER, "")
    except (aiohttp.ClientError, asyncio.TimeoutError, OSError, ValueError):
        return ""
    return f"{_HEADER}: {found}" if found else ""
