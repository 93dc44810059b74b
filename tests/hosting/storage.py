"""Real storage servers on loopback, and a wire between them and us that can be cut.

s3rver checks what a signed URL promises: its signature and its time. (The line of it that is
maintained, @20minutes/s3rver; the older one does not look at version 4 signatures.) moto checks who
may do what.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

S3RVER = "@20minutes/s3rver"
VERSION = "4.0.4"
BUCKET = "songs"
# s3rver's own, written in its source.
KEY = {"access_key_id": "S3RVER", "secret_access_key": "S3RVER"}
_SCRIPT = Path(__file__).with_name("s3rver.js")


class NotInstalledError(Exception):
    """s3rver cannot be had on this machine; the text says why."""


def install_s3rver() -> Path:
    """The folder of the npm package, installed once a machine and version into the temporary directory."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise NotInstalledError("node and npm are not on this machine, and s3rver runs on them")
    cache = Path(tempfile.gettempdir()) / f"soundverse-nb-s3rver-{VERSION}-{os.getuid()}"
    module = cache / "node_modules" / S3RVER
    if (cache / "complete").exists():
        return module
    # Installed beside and moved into place, so that parallel test runs do not meet a half of it.
    fresh = Path(tempfile.mkdtemp(prefix="soundverse-nb-s3rver-"))
    run = subprocess.run(
        [npm, "install", "--prefix", str(fresh), "--no-audit", "--no-fund", "--no-save", "--ignore-scripts",
         f"{S3RVER}@{VERSION}"],
        env={**os.environ, "HOME": _true_home()},
        capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    if run.returncode:
        shutil.rmtree(fresh, ignore_errors=True)
        raise NotInstalledError(f"npm could not install {S3RVER}@{VERSION}: {run.stderr[-500:]}")
    (fresh / "complete").touch()
    try:
        fresh.rename(cache)
    except OSError:  # another run was first
        shutil.rmtree(fresh, ignore_errors=True)
    return module


def _true_home() -> str:
    """The user's home: npm's settings lie there, while tests have a home of their own."""
    import pwd

    return pwd.getpwuid(os.getuid()).pw_dir


class S3rver:
    """One s3rver process: `.url` is its endpoint; it has one bucket, BUCKET."""

    def __init__(self, module: Path, directory: Path) -> None:
        self.directory = directory
        self._process = subprocess.Popen(
            ["node", str(_SCRIPT), str(module), str(directory), BUCKET],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.port = int(self._answer("port"))
        self.url = f"http://127.0.0.1:{self.port}"

    def move_clock(self, seconds: int) -> None:
        """Let the server believe that it is this much later than it is; 0 sets it right."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{seconds}\n")
        self._process.stdin.flush()
        assert float(self._answer("clock")) == seconds

    def objects(self) -> dict[str, int]:
        """What the bucket holds: name -> size in bytes."""
        root = self.directory / BUCKET
        return {
            str(path.relative_to(root)).removesuffix("._S3rver_object"): path.stat().st_size
            for path in root.rglob("*._S3rver_object")
        }

    def metadata(self, name: str) -> dict[str, Any]:
        """The headers the object is kept with."""
        text = (self.directory / BUCKET / f"{name}._S3rver_metadata.json").read_text()
        kept: dict[str, Any] = json.loads(text)
        return kept

    def plant(self, name: str, data: bytes) -> None:
        """Cut or replace an object's bytes, as an interrupted upload leaves them at some servers."""
        (self.directory / BUCKET / f"{name}._S3rver_object").write_bytes(data)

    def empty(self) -> None:
        for path in (self.directory / BUCKET).rglob("*._S3rver_*"):
            if path.is_file():
                path.unlink()

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _answer(self, word: str) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().split()
        assert line, "s3rver ended"
        assert line[0] == word, line
        return line[1]


class Wire:
    """A relay to a server that writes down each request's method and can break after so many bytes up."""

    def __init__(self, port: int) -> None:
        self._to = port
        self.requests: list[str] = []
        self.cut_after: int | None = None
        self._server: asyncio.AbstractServer | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Wire:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def count(self, method: str) -> int:
        return sum(line.startswith(method + " ") for line in self.requests)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._to)
        try:
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await asyncio.gather(
                    self._upward(reader, inner_writer, writer), self._downward(inner_reader, writer)
                )
        finally:
            self._tasks.discard(task)
            inner_writer.transport.abort()
            writer.transport.abort()

    async def _upward(
        self, reader: asyncio.StreamReader, inner: asyncio.StreamWriter, outer: asyncio.StreamWriter
    ) -> None:
        passed = 0
        while block := await reader.read(65536):
            line = block.split(b"\r\n", 1)[0]
            if line.endswith(b" HTTP/1.1"):
                self.requests.append(line.decode())
            passed += len(block)
            if self.cut_after is not None and passed > self.cut_after:
                raise ConnectionAbortedError
            inner.write(block)
            await inner.drain()
        inner.close()

    async def _downward(self, inner: asyncio.StreamReader, outer: asyncio.StreamWriter) -> None:
        while block := await inner.read(65536):
            outer.write(block)
            await outer.drain()
        outer.close()


class Moto:
    """moto's server with people who may do different things; `.url` is its endpoint."""

    def __init__(self) -> None:
        import logging

        from moto.s3.responses import S3Response
        from moto.server import ThreadedMotoServer

        check = S3Response._authenticate_and_authorize_s3_action

        def check_unless_presigned(response: Any, *arguments: Any, **named: Any) -> None:
            # moto cannot read a presigned request and answers it with HTTP 500; s3rver is there for those.
            if "Authorization" in response.headers:
                check(response, *arguments, **named)

        setattr(S3Response, "_authenticate_and_authorize_s3_action", check_unless_presigned)  # noqa: B010 (a method)

        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self._server.start()
        host, port = self._server.get_host_and_port()
        self.url = f"http://{host}:{port}"
        self._root = {
            "aws_access_key_id": "root", "aws_secret_access_key": "root", "region_name": "us-east-1"
        }  # fmt: skip
        self._client("s3").create_bucket(Bucket=BUCKET)

    def person(self, name: str, *actions: str) -> dict[str, str]:
        """A new user who may do these S3 actions and nothing else: the settings of an ObjectStoreHost."""
        iam = self._client("iam")
        iam.create_user(UserName=name)
        if actions:
            allowed = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
            policy = {"Version": "2012-10-17", "Statement": [allowed]}
            iam.put_user_policy(UserName=name, PolicyName="may", PolicyDocument=json.dumps(policy))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return {"access_key_id": key["AccessKeyId"], "secret_access_key": key["SecretAccessKey"]}

    @contextlib.contextmanager
    def checking_permissions(self) -> Any:
        """From here on every request is checked against its user's policy."""
        from moto import settings

        before = settings.INITIAL_NO_AUTH_ACTION_COUNT
        settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
        try:
            yield
        finally:
            settings.INITIAL_NO_AUTH_ACTION_COUNT = before

    def objects(self) -> list[str]:
        listing = self._client("s3").list_objects_v2(Bucket=BUCKET)
        return [entry["Key"] for entry in listing.get("Contents", [])]

    def stop(self) -> None:
        self._server.stop()

    def _client(self, service: str) -> Any:
        import boto3

        return boto3.client(service, endpoint_url=self.url, **self._root)
