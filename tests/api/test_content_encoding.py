"""A body is unpacked whatever its label says, in bounded pieces, and as far as it is whole."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from soundverse_nb.api import content_encoding as coding
from soundverse_nb.api.content_encoding import PIECE, Unpacker
from tests.api.packing import whole

TEXT = b"".join(b'data: {"n": %d}\n\n' % n for n in range(5000))
NOISE = random.Random(7).randbytes(200_000)
CODINGS = ["gzip", "deflate", "br", "zstd"]


def unpacked(label: str, body: bytes, step: int = 1 << 30) -> tuple[bytes, str]:
    unpacker = Unpacker(label)
    got = b"".join(b"".join(unpacker.feed(body[at : at + step])) for at in range(0, len(body), step))
    return got + b"".join(unpacker.finish()), unpacker.fault


def sizes(pieces: Iterable[bytes]) -> list[int]:
    return [len(piece) for piece in pieces]


@pytest.mark.parametrize("step", [1, 7, 1000, 1 << 30])
@pytest.mark.parametrize(
    ("label", "packed"),
    [
        *((name, whole(name, TEXT)) for name in CODINGS),
        ("deflate", whole("raw deflate", TEXT)),
        ("GZip", whole("gzip", TEXT)),
        ("x-gzip", whole("gzip", TEXT)),
        # Of the two, the one that was put on last is named last.
        ("br, gzip", whole("gzip", whole("br", TEXT))),
        ("gzip, gzip", whole("gzip", whole("gzip", TEXT))),
        # What begins with a mark is what the mark says.
        ("", whole("gzip", TEXT)),
        ("identity", whole("zstd", TEXT)),
        ("br", whole("gzip", TEXT)),
        ("gzip", whole("deflate", TEXT)),
        ("gzip", whole("gzip", whole("gzip", TEXT))),
        # Several members, and what drives leave behind the last.
        ("gzip", whole("gzip", TEXT[:999]) + whole("gzip", TEXT[999:])),
        ("zstd", whole("zstd", TEXT[:999]) + whole("zstd", TEXT[999:])),
        ("gzip", whole("gzip", TEXT) + bytes(512)),
        # What is not packed.
        *((name, TEXT) for name in [*CODINGS, "", "identity", "none", "utf-8", "gzip, br", "klingon"]),
        *((name, b"{}") for name in CODINGS),
        *((name, b"") for name in CODINGS),
        ("gzip", b"\x1f"),
    ],
)  # fmt: skip
def test_a_body_is_what_it_was_before_it_was_packed(label: str, packed: bytes, step: int) -> None:
    expected = packed if len(packed) < 20 else TEXT
    assert unpacked(label, packed, step) == (expected, "")


@pytest.mark.parametrize("size", [1, PIECE - 1, PIECE, PIECE + 1, 98_272, 2 * PIECE, 500_000])
@pytest.mark.parametrize("name", CODINGS)
def test_nothing_is_held_back_at_the_size_of_a_piece(name: str, size: int) -> None:
    for data in (bytes(size), NOISE[:size]):
        assert unpacked(name, whole(name, data)) == (data, "")


@pytest.mark.parametrize("name", CODINGS)
def test_a_body_that_breaks_off_says_so_and_gives_what_came(name: str) -> None:
    got, fault = unpacked(name, whole(name, NOISE)[:150_000])
    assert "breaks off" in fault
    assert len(got) > 30_000
    assert NOISE.startswith(got)


def test_a_checksum_that_is_wrong_is_a_fault_behind_all_that_came() -> None:
    got, fault = unpacked("gzip", whole("gzip", TEXT)[:-8] + bytes(8))
    assert (got, "broken" in fault) == (TEXT, True)


@pytest.mark.parametrize("name", CODINGS)
def test_a_bomb_comes_in_pieces_and_only_as_far_as_it_is_asked_for(name: str) -> None:
    packed = whole(name, bytes(10_000_000))
    pieces = Unpacker(name).feed(packed)
    assert all(0 < len(next(pieces)) <= 2 * PIECE for _ in range(3))
    bounded = Unpacker(name, most=1_000_000)
    assert sum(sizes(bounded.feed(packed))) <= 1_000_000
    assert "1,000,000" in bounded.fault


@pytest.mark.parametrize(("name", "package"), [("br", "brotli"), ("zstd", "backports.zstd")])
def test_a_coding_without_its_package_is_named(
    name: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coding, "_library", lambda name: None)
    got, fault = unpacked(name, whole(name, TEXT))
    assert got == b""
    assert f"{name}, which needs the package {package}" in fault
