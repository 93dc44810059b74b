"""What holds for every test: no network but this machine's own, and Ctrl-C is heard."""

from __future__ import annotations

import ipaddress
import os
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest


class OutsideNetworkError(BaseException):
    """A test tried to leave this machine.

    A BaseException, so that code which turns network failures into errors of its own cannot hide it.
    """


def _is_loopback(host: object) -> bool:
    if host in (None, "", b"", "localhost", b"localhost"):
        return True
    text = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return text.endswith(".localhost")
    return address.is_loopback or address.is_unspecified


def _allowed(family: int, address: Any) -> bool:
    if family not in (socket.AF_INET, socket.AF_INET6):
        return True
    return _is_loopback(address[0])


def _guarded(method: Callable[..., Any], address_at: int) -> Callable[..., Any]:
    def call(self: socket.socket, *arguments: Any) -> Any:
        address = arguments[address_at]
        if not _allowed(self.family, address):
            raise OutsideNetworkError(f"a test tried to reach {address!r}; tests use loopback only")
        return method(self, *arguments)

    return call


# What takes longest of all that one process does at a stretch, longest first: more than ten seconds each.
_LONGEST = (
    "browser",
    "notebooks/04_prompt_sweep.ipynb",
    "tests/study/test_crash.py",
    "tests/cli/test_demo_command.py",
    "tests/cli/test_sweep.py",
    "tests/client/test_killed_embedded_service.py",
    "tests/client/journal/test_database.py",
    "notebooks/05_measuring.ipynb",
    "notebooks/02_preflight.ipynb",
    "tests/widgets/test_saved_board.py",
    "tests/widgets/test_alignments.py",
    "tests/audio/test_memory.py",
    "tests/client/journal/test_journal_load.py",
    "tests/client/test_simulated.py",
    "notebooks/01_quickstart.ipynb",
    "notebooks/03_streaming.ipynb",
    "notebooks/06_when_things_go_wrong.ipynb",
)


def _draw_the_same_every_time() -> None:
    """Let Hypothesis draw its examples from the test alone, however long one takes."""
    from hypothesis import HealthCheck, settings

    settings.register_profile(
        "ci",
        database=None,
        deadline=None,
        derandomize=True,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile("ci")


# New failures are found on a developer's machine, where a change of somebody else's does not wait for them.
if os.environ.get("CI") == "true":
    _draw_the_same_every_time()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Under `-n 2 --dist loadgroup` of pytest-xdist, what a file prepares is prepared once, in one process.

    A scheduler, not the mark `xdist_group`: pytest 9.2 computes a test's id, so what pytest-xdist 3.8 writes
    into it for a group is lost, and tests that build on one another were torn apart without a word.
    """
    if config.getoption("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class Files(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
        def _split_scope(self, nodeid: str) -> str:
            # One JupyterLab and one browser serve all that need them.
            return "browser" if nodeid.startswith("tests/browser/") else nodeid.partition("::")[0]

        def _assign_work_unit(self, node: Any) -> None:
            # xdist puts files with few tests last, the longest among them: one process would end alone.
            first = next((scope for scope in _LONGEST if scope in self.workqueue), None)
            if first is not None:
                self.workqueue.move_to_end(first, last=False)
            super()._assign_work_unit(node)

    return Files(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A name with an address is another one in each process: tests that are spread would not run."""
    unsteady = [item.nodeid for item in items if " at 0x" in item.nodeid]
    if unsteady:
        raise pytest.UsageError(f"tests whose names change from process to process: {unsteady[:3]}")


@pytest.fixture(scope="session", autouse=True)
def loopback_only() -> Iterator[None]:
    """Refuse sockets that leave this machine, and know no names but localhost."""
    resolve = socket.getaddrinfo

    def getaddrinfo(host: Any, *arguments: Any, **settings: Any) -> Any:
        # No name server is asked: an unknown name is what code under test gets to see.
        if not _is_loopback(host) and not _is_address(host):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return resolve(host, *arguments, **settings)

    patch = pytest.MonkeyPatch()
    patch.setattr(socket, "getaddrinfo", getaddrinfo)
    patch.setattr(socket.socket, "connect", _guarded(socket.socket.connect, 0))
    patch.setattr(socket.socket, "connect_ex", _guarded(socket.socket.connect_ex, 0))
    patch.setattr(socket.socket, "sendto", _guarded(socket.socket.sendto, -1))
    yield
    patch.undo()


@pytest.fixture(scope="session", autouse=True)
def hears_interrupts() -> Iterator[None]:
    """A run in the background of a shell ignores Ctrl-C, and the tests that press it would wait for ever."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def _is_address(host: Any) -> bool:
    try:
        ipaddress.ip_address(host if isinstance(host, str) else host.decode("ascii"))
    except (ValueError, AttributeError, UnicodeDecodeError):
        return False
    return True
