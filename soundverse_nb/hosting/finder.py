"""Choice of a client's host: the one it was given, the simulator's own, or the default of this machine."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from soundverse_nb.api.proxy import NetworkSettings, using_network
from soundverse_nb.cancellation import contained_await
from soundverse_nb.errors import ConfigurationError, bare_errors
from soundverse_nb.hosting.bucket import parse_bucket
from soundverse_nb.hosting.embedded import EmbeddedHost
from soundverse_nb.hosting.objectstore import ObjectStoreHost
from soundverse_nb.hosting.protocol import Host, PublishedReference, as_host, ask_to_publish
from soundverse_nb.hosting.remote import check_address, must_be_public

VARIABLE = "SOUNDVERSE_HOST"


@bare_errors
def find_host(
    setting: Any,
    base_url: str,
    simulated: bool,
    network: NetworkSettings | None = None,
    api_key: SecretStr | None = None,
) -> Host | None:
    """The host for a client's local files, None where there is none.

    Parameters
    ----------
    setting : what `Client(host=...)` was given: a bucket as "s3://bucket/prefix", "gs://..." or
        "az://...", a host, an `async (path) -> url` function, or None for the default.
    base_url : the service's address.
    simulated : whether that service is the simulator.
    network : the client's TLS and proxy settings, for what the host asks of the network.
    api_key : the client's key; only the simulator's own host is given it, and only for that service.

    The default is the simulator's own host where the service is the simulator, else the bucket in
    the environment variable SOUNDVERSE_HOST. So trying things out never uploads anything.
    Raises ConfigurationError for a setting that is no host, and for the simulator's host used with
    anything but the simulator it names.
    """
    if setting is None:
        return _default_host(base_url, simulated, network, api_key)
    if isinstance(setting, str):
        return _guarded(_bucket(setting), base_url, network)
    host = as_host(setting)
    _refuse_embedded(host, base_url, simulated)
    _lend_key(host, base_url, api_key)
    return _guarded(host, base_url, network)


def check_setting(setting: Any) -> None:
    """Raise ConfigurationError for a setting that is no host, without loading what a bucket needs."""
    if isinstance(setting, str):
        parse_bucket(setting)
    elif setting is not None:
        as_host(setting)


def missing_host(name: str, base_url: str = "") -> ConfigurationError:
    """The error for a local file where there is no host: it shows the two lines to add."""
    if base_url and not must_be_public(base_url):
        return ConfigurationError(
            f"{name} is on this machine, and the service can only fetch a URL: it needs a host.",
            hint=f"If {base_url} is the simulator (of another user, or in a container), say so:\n"
            "    from soundverse_nb.hosting import EmbeddedHost\n"
            f"    client = sv.Client(..., host=EmbeddedHost({base_url!r}))\n"
            'Otherwise give it a bucket of yours: sv.Client(host="s3://my-bucket/remixes").',
        )
    return ConfigurationError(
        f"{name} is on this machine, and the service can only fetch a URL: it needs a host.",
        hint="Add two lines with a bucket of yours:\n"
        "    import soundverse_nb as sv\n"
        '    client = sv.Client(host="s3://my-bucket/remixes")    # or gs://..., az://...\n'
        f"or set {VARIABLE} to the bucket once for every client.",
    )


def _default_host(
    base_url: str, simulated: bool, network: NetworkSettings | None, api_key: SecretStr | None
) -> Host | None:
    if simulated:
        return EmbeddedHost(base_url, api_key)
    bucket = os.environ.get(VARIABLE, "").strip()
    if not bucket:
        return None
    try:
        return _guarded(_bucket(bucket), base_url, network)
    except ConfigurationError as error:
        raise ConfigurationError(f"{VARIABLE} in the environment: {error.message}", hint=error.hint) from None


class GuardedHost:
    """A host that is trusted with no more than it keeps: what fails and what it answers is checked.

    With `public`, URLs that only this machine or its network can see are refused: a bucket behind a
    private endpoint, or a function that serves files from localhost, works in every trial at home and
    fails only once an order has been sent.
    """

    def __init__(self, host: Host, *, public: bool, network: NetworkSettings | None = None) -> None:
        self.host = host
        self._public = public
        self._network = network or NetworkSettings()

    def __repr__(self) -> str:
        return repr(self.host)

    @bare_errors
    async def publish(self, path: Path) -> PublishedReference:
        with using_network(self._network):
            published = await ask_to_publish(self.host.publish, path, f"The host {type(self.host).__name__}")
        try:
            await check_address(published.web_url, public=self._public)
        except BaseException:  # nobody will use it now, nor when the check was cancelled
            with contextlib.suppress(Exception):  # why it is refused is what has to be said
                await self.withdraw(published)
            raise
        return published

    async def withdraw(self, published: PublishedReference) -> None:
        with using_network(self._network), contained_await():
            await self.host.withdraw(published)


def _guarded(host: Host, base_url: str, network: NetworkSettings | None) -> Host:
    return GuardedHost(host, public=must_be_public(base_url), network=network)


def _bucket(url: str) -> Host:
    return ObjectStoreHost(url)


def _lend_key(host: Host, base_url: str, api_key: SecretStr | None) -> None:
    """A simulator that was started with a key takes songs from those who have it."""
    if isinstance(host, EmbeddedHost) and host.base_url == base_url.rstrip("/") and api_key is not None:
        host.use_key(api_key)


def _refuse_embedded(host: Host, base_url: str, simulated: bool) -> None:
    if simulated:
        return
    # A simulator in a container or of another user leaves no note here. Naming it by hand is the way in, and
    # the host asks it before a file leaves.
    if isinstance(host, EmbeddedHost) and host.base_url != base_url.rstrip("/"):
        raise ConfigurationError(
            "The embedded service's host is for the simulator: the real service cannot fetch from it.",
            hint='Give the client a bucket instead: host="s3://my-bucket/remixes".',
        )
