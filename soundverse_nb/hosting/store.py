"""Opening a bucket: obstore's store for it, with this user's credentials and bounded patience."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from soundverse_nb.api.way import environment_names, way_in_use
from soundverse_nb.errors import ConfigurationError
from soundverse_nb.hosting.bucket import Bucket
from soundverse_nb.hosting.credentials import aws_settings, azure_settings, missing_extra
from soundverse_nb.hosting.storage_errors import explain

_STORES = {"s3": "S3Store", "gs": "GCSStore", "az": "AzureStore"}
# Plain http is used only where the user's own endpoint says so; the clouds' endpoints are https.
# 5 MB (one part of an upload) in 5 minutes is 140 kbit/s.
_PATIENCE = {"allow_http": True, "connect_timeout": "10s", "timeout": "5min"}
_ENDPOINTS = ("endpoint", "aws_endpoint", "aws_endpoint_url_s3", "azure_storage_endpoint")
_CLOUDS = {"s3": "amazonaws.com", "gs": "googleapis.com", "az": "windows.net"}
_UNKNOWN = re.compile(r"Configuration key: '(\w+)' is not valid")
_RETRIES = {"max_retries": 2, "retry_timeout": timedelta(seconds=60)}


def obstore() -> Any:
    """The package obstore; ConfigurationError with the line that installs it where it is missing."""
    try:
        return import_module("obstore")
    except ModuleNotFoundError:
        raise missing_extra("obstore") from None


def checked_store(bucket: Bucket, settings: Mapping[str, Any]) -> None:
    """Raise ConfigurationError for settings that no credentials could mend. Touches no network."""
    found = azure_settings(settings) if bucket.scheme == "az" else {}
    _store(bucket, {**settings, **found}, {})


def open_store(bucket: Bucket, settings: Mapping[str, Any]) -> Any:
    """The obstore store for a bucket, ready to use. Looks for credentials: call it off the event loop."""
    found: dict[str, Any] = {}
    if bucket.scheme == "s3":
        found = aws_settings(settings)
    elif bucket.scheme == "az":
        found = azure_settings(settings)
    settings = {**settings, **found}
    return _store(bucket, settings, _as_the_client_goes(bucket, settings))


def _store(bucket: Bucket, settings: dict[str, Any], way: Mapping[str, Any]) -> Any:
    obstore()
    make = getattr(import_module("obstore.store"), _STORES[bucket.scheme])
    settings.pop("profile", None)  # botocore's, not obstore's
    names = ", ".join(settings)
    try:
        return make(
            bucket.name,
            prefix=bucket.prefix or None,
            client_options={**_PATIENCE, **way, **settings.pop("client_options", {})},
            retry_config=settings.pop("retry_config", _RETRIES),
            **settings,
        )
    except (TypeError, ValueError):
        raise ConfigurationError(
            f"A setting for {bucket} is of the wrong kind.",
            hint=f"Check the values given to the host: {names}.",
        ) from None
    except Exception as error:  # obstore's own classes
        unknown = _UNKNOWN.search(str(error))
        if unknown:
            raise ConfigurationError(
                f"{bucket.service} knows no setting {unknown.group(1)!r}.",
                hint="Check how it is spelt: obstore's documentation lists them.",
            ) from None
        raise explain(bucket, type(error).__name__, str(error)) from None


def _as_the_client_goes(bucket: Bucket, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The client's proxy and TLS settings in obstore's words.

    Left to itself, obstore takes the environment's proxies for this machine too, and not every exemption. It
    takes no certificates of one's own from here; those of the system count.
    """
    way = way_in_use()
    options: dict[str, Any] = {} if way.ssl is not False else {"allow_invalid_certificates": True}
    endpoint = next((str(settings[name]) for name in _ENDPOINTS if settings.get(name)), "")
    place = endpoint or f"https://{_CLOUDS[bucket.scheme]}"
    proxy = way.proxy_for(place)
    named = environment_names("https") or environment_names("http")
    if proxy:
        options["proxy_url"] = str(proxy)
    elif named:
        options.update(proxy_url=named, proxy_excludes=urlsplit(place).hostname)
    return options
