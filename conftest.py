"""What every test stands on: a home of its own, so that nobody's orders, remixes or keys are touched.

It lies at the root because notebooks are tests too: their kernels inherit this environment. It runs
before any test is imported, and once in each worker where the suite is spread over several.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

# What could send a test to a real service, a real account or somebody's proxy.
_FOREIGN = (
    "SOUNDVERSE_API_KEY",
    "SOUNDVERSE_BASE_URL",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
    "JUPYTER_CONFIG_DIR",
    "JUPYTER_DATA_DIR",
    "JUPYTER_PATH",
    "IPYTHONDIR",
)

_home = Path(tempfile.mkdtemp(prefix="soundverse-nb-home-"))


def _isolate() -> None:
    for name in _FOREIGN:
        os.environ.pop(name, None)
    # platformdirs reads XDG_* on Linux and HOME on macOS.
    os.environ["HOME"] = str(_home)
    for name, folder in (
        ("XDG_DATA_HOME", "data"),
        ("XDG_STATE_HOME", "state"),
        ("XDG_CONFIG_HOME", "config"),
        ("XDG_CACHE_HOME", "cache"),
        ("XDG_RUNTIME_DIR", "runtime"),
    ):
        path = _home / folder
        path.mkdir(mode=0o700, exist_ok=True)
        os.environ[name] = str(path)


_isolate()


@pytest.fixture(scope="session")
def isolated_home() -> Path:
    """The home directory of this test run."""
    return _home


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(_home, ignore_errors=True)
