"""`connect`: the client for whatever is there, the real service or the embedded simulator, said in a line."""

from __future__ import annotations

import os
from concurrent.futures import Executor
from ssl import SSLContext
from typing import Any

from pydantic import SecretStr

from soundverse_nb.api.transport import STATUS_PATH
from soundverse_nb.client.client import Client
from soundverse_nb.client.config import KEY_VARIABLE, Clock, Timeouts
from soundverse_nb.client.simulated import is_simulator
from soundverse_nb.displays import ProgressDisplay
from soundverse_nb.errors import bare_errors
from soundverse_nb.urls import host_of, why_local


@bare_errors
def connect(
    api_key: str | SecretStr | None = None,
    base_url: str | None = None,
    *,
    host: Any = None,
    directory: str | os.PathLike[str] | None = None,
    journal: str | os.PathLike[str] | None = None,
    max_streams: int = 8,
    status_path: str = STATUS_PATH,
    proxy: str | None = None,
    ssl: SSLContext | bool = True,
    preflight: str = "full",
    progress: bool | ProgressDisplay = True,
    price: float | None = None,
    executor: Executor | None = None,
    max_bytes: int | None = None,
    timeouts: Timeouts | None = None,
    clock: Clock | None = None,
    allow_insecure: bool = False,
) -> Client:
    """A client for the real service if SOUNDVERSE_API_KEY is set, else for the embedded simulator.

    Prints which. Takes the settings of Client, which explains them. Nothing is sent.

    >>> import soundverse_nb as sv
    >>> sv.connect().is_embedded
    soundverse_nb: no API key, ...
    True
    """
    client = Client(
        api_key, base_url, host=host, directory=directory, journal=journal, max_streams=max_streams,
        status_path=status_path, proxy=proxy, ssl=ssl, preflight=preflight, progress=progress, price=price,
        executor=executor, max_bytes=max_bytes, timeouts=timeouts, clock=clock, allow_insecure=allow_insecure,
    )  # fmt: skip
    if client.is_embedded:
        return client
    if is_simulator(client.base_url):
        print(f"soundverse_nb: connected to the embedded simulator at {client.base_url}. Nothing is paid.")
    else:
        key = "the given API key" if api_key is not None else f"the API key in {KEY_VARIABLE}"
        print(f"soundverse_nb: connected to {client.base_url} with {key}. {_paid(client.base_url)}")
    return client


def _paid(base_url: str) -> str:
    """Whether money is spent there, as far as that can be known: a relay to the real service is local too."""
    if why_local(host_of(base_url) or "") is None:
        return "Remixes are paid for."
    return (
        "No simulator of yours is known there, so remixes count as paid for. One of another user, container "
        "or home folder cannot be told from a way to the real service."
    )
