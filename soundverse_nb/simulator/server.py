"""The simulator itself: on a thread of its own with a notice on this machine, or alone in a terminal."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import math
import os
import queue
import secrets
import signal
import socket
import sys
import threading
import weakref
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType, TracebackType
from typing import Literal, TextIO

from aiohttp import web

import soundverse_nb
from soundverse_nb.errors import ConfigurationError
from soundverse_nb.running_simulators import register, remove_notice, unregister, write_notice
from soundverse_nb.simulator.faults import Fault, read_faults
from soundverse_nb.simulator.jobs import Ledger
from soundverse_nb.simulator.orders import Orders, Settings
from soundverse_nb.simulator.references import References
from soundverse_nb.simulator.renderer import Renderer
from soundverse_nb.simulator.routes import Service
from soundverse_nb.simulator.short import ShortRenderer
from soundverse_nb.simulator.storage import Signer, workspace
from soundverse_nb.simulator.store import OrderStore
from soundverse_nb.simulator.takes import checked_take
from soundverse_nb.simulator.uploads import Uploads
from soundverse_nb.simulator.workers import Workers, worker_count
from soundverse_nb.urls import is_loopback

BACKLOG = 1024  # five hundred clients may connect at once
LINK_LIFETIME = 86_400.0
_running: weakref.WeakSet[Simulator] = weakref.WeakSet()


class Simulator:
    """A stand-in for the service that makes real (if humble) remixes, without a key and without a network.

    Parameters
    ----------
    host, port : where to listen; port 0 takes a free one.
    api_key : the only bearer token that is taken; None takes any.
    speed : how many times faster than life: 1 takes about 100 s a remix, 20 about 5 s.
    hold : seconds at 90 percent, at speed 1.
    faults : what goes wrong on purpose: names, Faults or mappings, see `FAULTS`.
    price, unit : what one remix is charged, and in what.
    balance : how much there is to spend; None for no end. What exceeds it is refused as documented.
    max_concurrent : how many remixes one key may run at once before it is rate limited; None for any number.
    link_lifetime : seconds that links to the finished audio work.
    folder : where its orders, their songs and remixes are kept, so that another simulator with the same
        folder can finish them, also after this process was killed; None keeps nothing. What is old goes.
    take : which remix of the same song, prompt, lyrics and parameters every order gets, from 1; None makes a
        repeat another take, as the real service does.
    render : "full" makes real remixes; "short" answers at once with a second of a few notes that have nothing
        of the song, another file for each take, for who orders thousands.

    It runs on its own thread, so it serves any event loop, many cells and other processes. Use it with
    `with`, `async with`, or `start()` and `stop()`. Everything else it keeps is deleted when it stops. Music
    is made in two processes beside this one at most; further orders are queued. A prompt is read for the
    styles of `known_styles()`, instruments, moods and tempo; the song's name says where no style was known.

    Raises ConfigurationError for a setting out of range or an address that cannot be listened on.

    >>> import soundverse_nb as sv
    >>> with sv.simulator.Simulator(speed=1000, price=2.5) as service:
    ...     with sv.Client("any-key", service.base_url, progress=False) as client:
    ...         remix = client.remix_sync(sv.example_song(), prompt="lo-fi hip hop")
    ...     service.ledger.total
    2.5
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        api_key: str | None = None,
        speed: float = 1.0,
        hold: float = 30.0,
        faults: str | Fault | Iterable[object] = (),
        price: float = 1.0,
        unit: str = "remix",
        balance: float | None = None,
        max_concurrent: int | None = None,
        link_lifetime: float = LINK_LIFETIME,
        folder: str | os.PathLike[str] | None = None,
        take: int | None = None,
        render: Literal["full", "short"] = "full",
    ) -> None:
        _require(not math.isnan(speed) and speed > 0, f"speed is {speed!r}; it is a number above 0.")
        _require(math.isfinite(hold) and hold >= 0, f"hold is {hold!r}; it is a number of seconds from 0.")
        _require(math.isfinite(price) and price >= 0, f"price is {price!r}; it is a number from 0.")
        _require(0 <= port <= 65_535, f"port is {port!r}; it is a number from 0 to 65535.")
        _require(api_key is None or bool(api_key.strip()), "api_key is empty; leave it out to take any key.")
        _require(render in ("full", "short"), f"render is {render!r}; it is 'full' or 'short'.")
        self._host = host
        self._port = port
        self._lifetime = link_lifetime
        self._folder = None if folder is None else Path(folder).expanduser()
        version = soundverse_nb.__version__
        self._settings = Settings(
            api_key=None if api_key is None else api_key.strip(),
            speed=float(speed),
            hold=float(hold),
            faults=read_faults(faults),
            price=float(price),
            unit=unit,
            balance=balance,
            max_concurrent=max_concurrent,
            server=f"soundverse-nb-simulator/{version}",
            version=version,
            is_public=not is_loopback(host),
            take=None if take is None else checked_take(take),
            render=render,
        )
        self._ledger = Ledger()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._bound_port = 0
        self._secret = secrets.token_urlsafe(24)
        self._has_notice = False

    @property
    def base_url(self) -> str:
        """Where clients find it, for example http://127.0.0.1:43121; ConfigurationError before start."""
        if self._thread is None:
            raise ConfigurationError("The simulator is not running.", hint="Start it with `with` or start().")
        name = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(self._host, self._host)
        return f"http://[{name}]:{self._bound_port}" if ":" in name else f"http://{name}:{self._bound_port}"

    @property
    def ledger(self) -> Ledger:
        """What was charged so far, over every start of this object."""
        return self._ledger

    @property
    def is_running(self) -> bool:
        return self._thread is not None

    @property
    def has_notice(self) -> bool:
        """Whether other processes can know this for a simulator, by the notice it left when it started."""
        return self._has_notice

    def start(self) -> Simulator:
        """Start serving; returns when the address is bound. Starting a running one changes nothing."""
        with self._lock:
            if self._thread is not None:
                return self
            bound: _Bound = _Bound()
            thread = threading.Thread(
                target=self._serve, args=(bound,), name="soundverse-nb-simulator", daemon=True
            )
            thread.start()
            bound.done.wait()
            if bound.error is not None:
                thread.join()
                raise ConfigurationError(
                    f"The simulator cannot listen on {self._host}:{self._port}: {bound.error}.",
                    hint="Choose another port, or 0 for a free one.",
                )
            self._bound_port = bound.port
            self._thread = thread
            register(bound.port, self._secret)
            self._has_notice = write_notice(bound.port)
            _running.add(self)
            return self

    def stop(self) -> None:
        """Stop serving and delete what was kept; open streams are cut. Stopping twice changes nothing."""
        with self._lock:
            thread, self._thread = self._thread, None
            if thread is None:
                return
            _running.discard(self)
            unregister(self._bound_port)
            remove_notice(self._bound_port)
            loop, stopping = self._loop, self._stopping
            assert loop is not None
            assert stopping is not None
            with contextlib.suppress(RuntimeError):  # the loop ended by itself
                loop.call_soon_threadsafe(stopping.set)
            thread.join()

    def __enter__(self) -> Simulator:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Simulator:
        return await asyncio.to_thread(self.start)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)

    def __repr__(self) -> str:
        where = self.base_url if self.is_running else "not running"
        return f"Simulator({where}, speed {self._settings.speed:g}, {len(self._ledger)} charged)"

    def _serve(self, bound: _Bound) -> None:
        loop = asyncio.new_event_loop()
        # The loop's own: asyncio would need a new thread to end it, which the interpreter's exit forbids.
        with ThreadPoolExecutor(thread_name_prefix="soundverse-nb-files") as files:
            loop.set_default_executor(files)
            try:
                loop.run_until_complete(self._run(bound))
            except OSError as error:
                bound.error = error.strerror or type(error).__name__
            finally:
                _finish(loop)
                bound.done.set()

    async def _run(self, bound: _Bound) -> None:
        with contextlib.closing(_listen(self._host, self._port)) as listener, workspace() as folder:
            await self._serve_from(folder, listener, bound)

    async def _serve_from(self, folder: Path, listener: socket.socket, bound: _Bound) -> None:
        executor = ThreadPoolExecutor(2, thread_name_prefix="soundverse-nb-measure")
        uploads = Uploads(folder / "uploads")
        store = await asyncio.get_running_loop().run_in_executor(executor, _opened_store, self._folder)
        songs, remixes = (store.songs, store.remixes) if store else (folder / "songs", folder / "remixes")
        references = References(songs, executor, uploads, guarded=self._settings.is_public)
        renderer = (
            # Never in the store: another service would take them for the remixes themselves.
            ShortRenderer(folder / "short")
            if self._settings.render == "short"
            else Renderer(remixes, folder / "prepared", Workers(worker_count()))
        )
        signer = Signer(secrets.token_bytes(32), self._lifetime)
        orders = Orders(self._settings, self._ledger, signer, references, renderer, store)
        service = Service(self._settings, uploads, executor, signer, renderer, orders, self._secret)
        runner = web.AppRunner(
            service.application(), access_log=None, handler_cancellation=True, shutdown_timeout=0.05
        )
        try:
            await references.open()
            await runner.setup()
            await web.SockSite(runner, listener, backlog=BACKLOG).start()
            self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
            bound.port = listener.getsockname()[1]
            bound.done.set()
            await self._stopping.wait()
        finally:
            await runner.cleanup()
            await renderer.close()
            await references.close()
            executor.shutdown(wait=True, cancel_futures=True)


class _Bound:
    """What the serving thread tells the starting one."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.port = 0
        self.error: str | None = None


def _opened_store(folder: Path | None) -> OrderStore | None:
    """The store in this folder; None where none is wanted or the disk refuses, and then nothing is kept."""
    with contextlib.suppress(OSError):
        if folder is not None:
            store = OrderStore(folder)
            store.sweep()
            return store
    return None


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if hasattr(socket, "SO_REUSEADDR"):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


def _finish(loop: asyncio.AbstractEventLoop) -> None:
    """Close a loop with nothing pending and nothing open."""

    async def wind_up() -> None:
        pending = asyncio.all_tasks() - {asyncio.current_task()}
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        await loop.shutdown_asyncgens()

    try:
        loop.run_until_complete(wind_up())
    finally:
        loop.close()


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ConfigurationError(f"The simulator's {message}")


@atexit.register
def _stop_all() -> None:
    for simulator in list(_running):
        simulator.stop()


def run(
    *,
    port: int = 0,
    host: str = "127.0.0.1",
    api_key: str | None = None,
    speed: float = 1.0,
    hold: float = 30.0,
    faults: str | Fault | Iterable[object] = (),
    take: int | None = None,
    render: Literal["full", "short"] = "full",
    out: TextIO | None = None,
) -> None:
    """Serve until interrupted (Ctrl-C or SIGTERM), then print what was charged.

    The first line printed holds the address, so that a script can read it. Settings are those of Simulator.
    Raises ConfigurationError where it cannot start.
    """
    out = sys.stdout if out is None else out
    simulator = Simulator(
        host=host, port=port, api_key=api_key, speed=speed, hold=hold, faults=faults, take=take, render=render
    )
    # The lock of an Event may be held where a signal comes in; then set() never returns. This put() does.
    interrupted: queue.SimpleQueue[int] = queue.SimpleQueue()
    with _until_signalled(interrupted), simulator:
        takes = "one API key" if api_key else "any API key"
        print(f"Simulator listening on {simulator.base_url} (speed {speed:g}, takes {takes})", file=out)
        print(f"  POST {simulator.base_url}/v7/generate/remix", file=out)
        if not is_loopback(host):
            print("  Warning: other machines can reach it.", file=out)
        if not simulator.has_notice:
            print(
                "  Warning: no note of it could be written, so other programs take it for a real service.\n"
                "  Set HOME, XDG_STATE_HOME or TMPDIR to a place that can be written, for them and for it.",
                file=out,
            )
        print("  Press Ctrl-C to stop.", file=out, flush=True)
        while True:  # in slices: a plain get() is deaf to Ctrl-C on Windows
            with contextlib.suppress(queue.Empty):
                interrupted.get(timeout=1.0)
                break
    print(simulator.ledger, file=out, flush=True)


@contextlib.contextmanager
def _until_signalled(interrupted: queue.SimpleQueue[int]) -> Iterator[None]:
    """SIGINT and SIGTERM go into the queue; the handlers there were before come back afterwards."""

    def note(number: int, frame: FrameType | None) -> None:
        interrupted.put(number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
