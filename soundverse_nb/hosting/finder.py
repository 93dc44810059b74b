"""Which host a client uses: the one it was given, the simulator's own, or the default of this machine."""

from __future__ import annotations

import os
from typing import Any

from soundverse_nb.errors import ConfigurationError
from soundverse_nb.hosting.protocol import Host, as_host

VARIABLE = "SOUNDVERSE_HOST"


def find_host(setting: Any, base_url: str, simulated: bool) -> Host | None:
    """The host for a client's local files, None where there is none.

    Parameters
    ----------
    setting : what `Client(host=...)` was given: a bucket as "s3://bucket/prefix", "gs://..." or
        "az://...", a host, an `async (path) -> url` function, or None for the default.
    base_url : the service's address.
    simulated : whether that service is the simulator.

    The default is the simulator's own host where the service is the simulator, else the bucket in
    the environment variable SOUNDVERSE_HOST. So trying things out never uploads anything.
    Raises ConfigurationError for a setting that is no host, and for the simulator's host used with
    anything but the simulator.
    """
    if setting is None:
        return _default_host(base_url, simulated)
    if isinstance(setting, (str, os.PathLike)):
        return _bucket(os.fspath(setting), "host=")
    host = as_host(setting)
    _refuse_embedded(host, simulated)
    return host


def missing_host(name: str) -> ConfigurationError:
    """The error for a local file where there is no host: it shows the two lines to add."""
    return ConfigurationError(
        f"{name} is on this machine, and the service can only fetch a URL: it needs a host.",
        hint="Add two lines with a bucket of yours:\n"
        "    import soundverse_nb as sv\n"
        '    client = sv.Client(host="s3://my-bucket/remixes")    # or gs://..., az://...\n'
        f"or set {VARIABLE} to the bucket once for every client.",
    )


def _default_host(base_url: str, simulated: bool) -> Host | None:
    if simulated:
        from soundverse_nb.hosting.embedded import EmbeddedHost

        return EmbeddedHost(base_url)
    bucket = os.environ.get(VARIABLE, "").strip()
    return _bucket(bucket, f"{VARIABLE}=") if bucket else None


def _bucket(url: str, said: str) -> Host:
    from soundverse_nb.hosting.objectstore import ObjectStoreHost

    if "://" not in url:
        raise ConfigurationError(
            f"{said}{url!r} names no bucket.", hint='Write it as "s3://my-bucket/remixes", gs:// or az://.'
        )
    return ObjectStoreHost(url)


def _refuse_embedded(host: Host, simulated: bool) -> None:
    if simulated:
        return
    from soundverse_nb.hosting.embedded import EmbeddedHost

    if isinstance(host, EmbeddedHost):
        raise ConfigurationError(
            "The embedded service's host is for the simulator: the real service cannot fetch from it.",
            hint='Give the client a bucket instead: host="s3://my-bucket/remixes".',
        )
