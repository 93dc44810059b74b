"""One line to begin with: the real service where there is a key, the embedded one where there is none."""

from __future__ import annotations

from typing import Any

from soundverse_nb.client.client import Client
from soundverse_nb.client.notice import is_simulator
from soundverse_nb.client.settings import KEY_VARIABLE
from soundverse_nb.errors import at_the_door


@at_the_door
def connect(api_key: str | None = None, base_url: str | None = None, **settings: Any) -> Client:
    """A client for the real service if SOUNDVERSE_API_KEY is set, else for the embedded simulator.

    Prints which. Takes the settings of Client. Nothing is sent.
    """
    client = Client(api_key, base_url, **settings)
    if client.is_embedded:
        return client
    if is_simulator(client.base_url):
        print(f"soundverse_nb: connected to the embedded simulator at {client.base_url}. Nothing is paid.")
    else:
        said = "the given API key" if api_key is not None else f"the API key in {KEY_VARIABLE}"
        print(f"soundverse_nb: connected to {client.base_url} with {said}. Remixes are paid for.")
    return client
