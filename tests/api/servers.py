"""What the tests of the connection share: one order, and bare servers to send it to."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from soundverse_nb.api.request import RemixRequest
from soundverse_nb.api.transport import Transport
from soundverse_nb.errors import (
    SoundverseError,
)

REQUEST = RemixRequest("https://storage.example/song.mp3", prompt="jazz", parameters={"seed": 1})
WIRE = REQUEST.to_wire()


@contextlib.contextmanager
def unserved_port() -> Iterator[int]:
    """A port of this machine where nobody listens, kept meanwhile so that nobody else gets it."""
    with socket.socket() as kept:
        kept.bind(("127.0.0.1", 0))
        yield kept.getsockname()[1]


@contextlib.asynccontextmanager
async def listener(speak: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]) -> AsyncIterator[int]:
    """A bare TCP server on a port of its own."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await speak(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def drain(
    transport: Transport, wire: dict[str, Any] = WIRE, on_sent: Callable[[], None] | None = None
) -> None:
    async with transport.open_remix(wire, on_sent) as opened:
        async for _ in opened:
            pass


async def count_sent(transport: Transport) -> tuple[int, BaseException | None]:
    sent: list[None] = []
    try:
        await drain(transport, on_sent=lambda: sent.append(None))
    except SoundverseError as error:
        return len(sent), error
    return len(sent), None


@contextlib.asynccontextmanager
async def tls_server(tmp_path: Any) -> AsyncIterator[int]:
    """A server with a certificate nobody knows."""
    cert, key = make_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def make_certificate(folder: Any) -> tuple[str, str]:
    """A self-signed certificate for 127.0.0.1 and its key, as files."""
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "strict service")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    )
    return str(folder / "cert.pem"), str(folder / "key.pem")
