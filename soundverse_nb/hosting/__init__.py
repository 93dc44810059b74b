"""From a file on this machine to a URL the service can fetch, privately and briefly.

The service takes a URL; a researcher has a file. A *host* closes that gap: it publishes a file,
hands back a URL that expires, and can withdraw it afterwards.

    client = sv.Client(host="s3://my-bucket/remixes")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from soundverse_nb.hosting.embedded import EmbeddedHost
    from soundverse_nb.hosting.finder import find_host, missing_host
    from soundverse_nb.hosting.objectstore import ObjectStoreHost
    from soundverse_nb.hosting.protocol import Host, PublishedReference, as_host
    from soundverse_nb.hosting.remote import RemoteReference, check_address, fetch_reference, must_be_public

# Public word -> the module that defines it; each is loaded when it is first used.
_HOMES = {
    "EmbeddedHost": "embedded",
    "Host": "protocol",
    "ObjectStoreHost": "objectstore",
    "PublishedReference": "protocol",
    "RemoteReference": "remote",
    "as_host": "protocol",
    "check_address": "remote",
    "must_be_public": "remote",
    "fetch_reference": "remote",
    "find_host": "finder",
    "missing_host": "finder",
}

__all__ = [
    "EmbeddedHost",
    "Host",
    "ObjectStoreHost",
    "PublishedReference",
    "RemoteReference",
    "as_host",
    "check_address",
    "fetch_reference",
    "find_host",
    "missing_host",
    "must_be_public",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
