"""Browser tests: skipped with a reason where there is no Chromium, failed there under CI=true."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from tests.browser import lab as harness
from tests.browser.axe import NotInstalledError, install_axe

_REASON = "no Chromium on this machine (looked for chromium, google-chrome and $CHROMIUM)"


# Five seconds, as Playwright has it, are too few for a kernel, a page and other tests on two cores.
expect.set_options(timeout=harness.TIMEOUT)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser/" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="package")
def playwright_driver() -> Iterator[Playwright]:
    # Of package scope, so that its event loop is gone before other packages' async tests run.
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="package")
def chromium(playwright_driver: Playwright) -> Iterator[Browser]:
    executable = harness.chromium()
    if executable is None:
        if os.environ.get("CI") == "true":
            pytest.fail(_REASON)
        pytest.skip(_REASON)
    browser = harness.launch(playwright_driver, executable)
    yield browser
    browser.close()


@pytest.fixture(scope="package")
def axe() -> Path:
    """The script of axe-core."""
    try:
        return install_axe()
    except NotInstalledError as reason:
        if os.environ.get("CI") == "true":
            pytest.fail(str(reason))
        pytest.skip(str(reason))


@pytest.fixture(scope="package")
def lab_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[harness.LabServer]:
    with harness.jupyterlab(tmp_path_factory.mktemp("lab")) as server:
        yield server


@pytest.fixture
def lab(chromium: Browser, lab_server: harness.LabServer) -> Iterator[harness.Lab]:
    """A JupyterLab in a browser; what a test opened is closed after it."""
    front = harness.Lab(lab_server, chromium)
    yield front
    front.close()
