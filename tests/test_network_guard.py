from __future__ import annotations

import os
import socket
from pathlib import Path

import aiohttp
import pytest

from tests.conftest import OutsideNetworkError


def test_a_socket_that_leaves_this_machine_is_refused() -> None:
    # 192.0.2.0/24 is reserved for documentation (RFC 5737): nobody is there.
    with socket.socket() as sock, pytest.raises(OutsideNetworkError):
        sock.connect(("192.0.2.1", 80))
    with socket.socket(type=socket.SOCK_DGRAM) as sock, pytest.raises(OutsideNetworkError):
        sock.sendto(b"x", ("192.0.2.1", 53))


async def test_an_event_loop_cannot_leave_either() -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(OutsideNetworkError):
            await session.get("http://192.0.2.1/")


async def test_a_name_outside_is_unknown_without_asking_anybody() -> None:
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("example.org", 80)
    assert socket.getaddrinfo("localhost", 80)


def test_loopback_works() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass


def test_tests_have_a_home_of_their_own(isolated_home: Path) -> None:
    from platformdirs import user_data_path, user_state_path

    assert Path.home() == isolated_home
    for path in (user_data_path("soundverse_nb"), user_state_path("soundverse_nb")):
        assert path.is_relative_to(isolated_home)
    assert "SOUNDVERSE_API_KEY" not in os.environ
