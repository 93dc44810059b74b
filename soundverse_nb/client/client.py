"""The client: the one object a caller touches; it makes remixes and never pays for one twice."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import weakref
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from ssl import SSLContext
from types import TracebackType
from typing import Any, TypeVar

from pydantic import SecretStr

from soundverse_nb.api.event import RemixEvent
from soundverse_nb.api.proxy import NetworkSettings
from soundverse_nb.api.request import RemixRequest
from soundverse_nb.api.secrets import EMBEDDED_KEY
from soundverse_nb.api.transport import STATUS_PATH
from soundverse_nb.client.background import LOOP, SHUTDOWN_SECONDS, check_can_wait, let_go
from soundverse_nb.client.channel import Channel
from soundverse_nb.client.config import (
    SERVICE,
    Clock,
    Settings,
    Timeouts,
    checked_base_url,
    checked_price,
    checked_status_path,
    contained_clock,
    find_base_url,
    find_key,
    results_folder,
)
from soundverse_nb.client.earlier import Reorder, Since, find_remixes, using
from soundverse_nb.client.inputs import ParsedInput, parse_input, parse_item, parse_items
from soundverse_nb.client.job import RemixJob
from soundverse_nb.client.limiter import ConcurrencyLimiter
from soundverse_nb.client.order.pipeline import make_all, make_one, stream_remix
from soundverse_nb.client.order.recover import Recovered, recover
from soundverse_nb.client.order_table import OrderTable, read_orders
from soundverse_nb.client.progress import ProgressReporter, find_display
from soundverse_nb.client.references import checked_mode
from soundverse_nb.client.session import Session, abandon
from soundverse_nb.client.simulated import SIMULATED, embedded_service
from soundverse_nb.displays import ProgressDisplay
from soundverse_nb.errors import ConfigurationError, InvalidRequestError, bare_errors
from soundverse_nb.hosting.finder import check_setting
from soundverse_nb.remix import Remix, RemixList

T = TypeVar("T")
E = TypeVar("E", bound=BaseException)

DISPLAY_SECONDS = 2.0
"""How long `start` waits for its display to be up; usually that takes milliseconds."""


class Client:
    """Makes remixes: `await client.remix("song.mp3", prompt="upbeat jazz")`.

    Without a key (here or in SOUNDVERSE_API_KEY) it uses the embedded simulator, and says so. It works with
    and without `async with`, in any event loop and from plain code, and closes itself.

    Parameters
    ----------
    api_key : the service's key; it goes to `base_url` and nowhere else, and is never shown.
    base_url : the service; default is SOUNDVERSE_BASE_URL, else https://api.soundverse.ai. It needs a key.
    host : where local references are published: "s3://bucket/prefix", a host object, or an async
        function from path to URL.
    directory : folder for finished remixes; default is this user's data folder.
    journal : file of the orders; default is in this user's state folder, simulated ones in one apart.
    max_streams : at most so many remixes at once; the client finds out how many the service allows.
    status_path : path of the status endpoint, with {message_id} in it.
    proxy, ssl : URL of an HTTP proxy ("" for none; by default the environment's, never for this machine); a
        TLS context, or False for any certificate. They hold for every request of this client: the order, its
        status, the audio, references by URL, and the check of a host's URL.
    preflight : "full", "quick" (no decoding, no fetching of URLs) or "off".
    progress : True for this front end's display, False for none, or a display of your own.
    price : what one remix costs you, in your own currency; the display then says what was spent.
    executor : where references are decoded (any concurrent.futures.Executor); default is a thread.
    max_bytes : largest audio file that is fetched; default 200 MB.
    timeouts : how long to wait for what, and how often to try again; see `Timeouts`.
    allow_insecure : permit plain http to another machine.

    Raises ConfigurationError for settings that cannot work. Nothing is sent before the first request.

    >>> import soundverse_nb as sv
    >>> client, song = sv.Client(progress=False), sv.example_song()
    soundverse_nb: no API key, ...
    >>> remix = client.remix_sync(song, prompt="lo-fi hip hop")
    >>> remix.simulated, round(remix.audio.duration)
    (True, 38)
    """

    @bare_errors
    def __init__(
        self,
        api_key: str | SecretStr | None = None,
        base_url: str | None = None,
        *,
        host: Any = None,
        directory: str | os.PathLike[str] | None = None,
        journal: str | os.PathLike[str] | None = None,
        max_streams: int = 8,
        status_path: str = STATUS_PATH,
        proxy: str | None = None,
        ssl: SSLContext | bool = True,
        preflight: str = "full",
        progress: bool | ProgressDisplay = True,
        price: float | None = None,
        executor: Executor | None = None,
        max_bytes: int | None = None,
        timeouts: Timeouts | None = None,
        clock: Clock | None = None,
        allow_insecure: bool = False,
    ) -> None:
        key, url = find_key(api_key), find_base_url(base_url)
        simulated: bool | None = None
        if key is None:
            if url is not None:
                raise ConfigurationError(
                    "There is no API key for this base_url.",
                    hint="Set SOUNDVERSE_API_KEY or give api_key=...; without a base_url, sv.connect() "
                    "uses the embedded simulator.",
                )
            key, url, simulated = SecretStr(EMBEDDED_KEY), embedded_service(), True
        network = NetworkSettings(proxy, ssl)
        if not simulated:
            network.proxy_for(url or SERVICE)  # one that cannot be used is told of now
        find_display(progress if progress is not True else False)
        check_setting(host)
        self._progress = progress
        self._price = checked_price(price)
        self._settings = Settings(
            base_url=checked_base_url(url or SERVICE, allow_insecure=allow_insecure),
            api_key=key,
            directory=None if directory is None else results_folder(directory),
            journal=journal,
            simulated=simulated,
            host=host,
            max_streams=max_streams,
            status_path=checked_status_path(status_path),
            network=network,
            preflight=checked_mode(preflight),
            executor=executor,
            max_bytes=max_bytes,
            timeouts=timeouts or Timeouts(),
            clock=contained_clock(clock),
        )
        self._session = Session(self._settings)
        self.interrupted = RemixList()
        """What the last interrupted call had: remixes, and errors in the places of the others."""
        # When nobody holds the client nor its work, the session closes. The interpreter's exit closes all.
        weakref.finalize(self, abandon, self._session).atexit = False
        if simulated:
            print(SIMULATED)

    @property
    def base_url(self) -> str:
        """The service's address."""
        return self._settings.base_url

    @property
    def is_embedded(self) -> bool:
        """Whether this is the simulator inside this process."""
        return bool(self._settings.simulated)

    @property
    def concurrency(self) -> ConcurrencyLimiter:
        """How many streams run at once, and how that number was found: `.history`, `.plot()`."""
        return self._session.limiter

    @bare_errors
    async def remix(
        self,
        reference: Any,
        prompt: str | None = None,
        lyrics: str | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> Remix:
        """Make one remix of a song: order it, wait for it, fetch it.

        Parameters
        ----------
        reference : a path, a URL, bytes, an open file, (samples, rate), a Clip, or a whole RemixRequest.
        prompt, lyrics : the style, new words, or both; at least one.
        parameters : passed through to the model untouched.

        Raises PreflightError, InvalidRequestError, RateLimitError and the like where nothing was paid;
        UnknownOutcomeError where it may have been; GenerationFailedError; DownloadError where it is paid
        and `recover()` can fetch it. Interrupting stops watching and keeps the order.

        >>> asyncio.run(client.remix(song, prompt="lo-fi hip hop"))  # in a cell: await client.remix(...)
        Remix('...', audio='...', simulated, message_id='...')
        """
        remix_input = parse_input(reference, prompt, lyrics, parameters)
        reporter = self._reporter()
        return await self._run(make_one(self._session, remix_input, reporter), reporter)

    @bare_errors
    async def remix_all(self, requests: Iterable[Any]) -> RemixList:
        """Make many remixes at once; results come in the order of the requests, an error in place of a remix.

        A request is a RemixRequest, a dict {"reference": ..., "prompt": ...} or a tuple (reference, prompt).

        >>> requests = [(song, "lo-fi hip hop"), ("no-such-song.mp3", "lo-fi hip hop")]
        >>> [type(result).__name__ for result in asyncio.run(client.remix_all(requests))]
        ['Remix', 'PreflightError']
        """
        inputs, reporter = parse_items(requests), self._reporter()
        return await self._run(self._make_all(inputs, reporter), reporter)

    @bare_errors
    def remix_sync(
        self,
        reference: Any,
        prompt: str | None = None,
        lyrics: str | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> Remix:
        """The same as `remix`, blocking. Safe inside a notebook."""
        remix_input = parse_input(reference, prompt, lyrics, parameters)
        reporter = self._reporter()
        return self._wait(make_one(self._session, remix_input, reporter), reporter)

    @bare_errors
    def remix_all_sync(self, requests: Iterable[Any]) -> RemixList:
        """The same as `remix_all`, blocking. Safe inside a notebook."""
        inputs, reporter = parse_items(requests), self._reporter()
        return self._wait(self._make_all(inputs, reporter), reporter)

    @bare_errors
    def start(
        self,
        reference: Any,
        prompt: str | None = None,
        lyrics: str | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> RemixJob[Remix]:
        """Start a remix and return at once.

        `await job` or `job.result()` gives it, `job.cancel()` stops watching.
        """
        remix_input = parse_input(reference, prompt, lyrics, parameters)
        reporter = self._reporter()
        return self._start(make_one(self._session, remix_input, reporter), reporter, remix_input.title)

    @bare_errors
    def start_all(self, requests: Iterable[Any]) -> RemixJob[RemixList]:
        """Start many remixes and return at once; the job gives what `remix_all` gives."""
        inputs, reporter = parse_items(requests), self._reporter()
        return self._start(self._make_all(inputs, reporter), reporter, f"{len(inputs)} remixes")

    @bare_errors
    def stream(
        self, request: RemixRequest | Mapping[str, Any] | tuple[Any, ...]
    ) -> AsyncIterator[RemixEvent]:
        """Order one remix and give its bare events, typed, up to the terminal one. Paid for as `remix` is.

        A refusal is retried and a cut followed as in `remix`; the failing event is given like any other. The
        audio is not fetched: the journal keeps where it is, and `recover()` fetches it.

        >>> async def stages():
        ...     return [event.stage.value async for event in client.stream((song, "lo-fi hip hop"))]
        >>> asyncio.run(stages())
        ['validating', 'queued', ..., 'completed']
        """
        remix_input, reporter = parse_item(request), ProgressReporter(None)

        def order(put: Callable[[RemixEvent], object]) -> Coroutine[Any, Any, None]:
            return stream_remix(self._session, remix_input, reporter, put)

        return self._stream(order, reporter)

    @bare_errors
    async def status(self, message_id: str) -> RemixEvent:
        """How an order is doing, by the service's own name for it. Raises APIError, TransportError."""
        if not isinstance(message_id, str) or not message_id.strip():
            raise InvalidRequestError("No message_id was given.", hint="client.orders() lists them.")
        return await self._run(self._status(message_id.strip()), ProgressReporter(None))

    @bare_errors
    async def recover(self) -> Recovered:
        """Finish every order that was paid and is not on disk: not fetched, lost since, or of a dead kernel.

        Gives the remixes finished now, with `.unknown` for orders that may have been paid for, `.failed` and
        `.unreadable`. Orders that a running kernel looks after are left to it; those of another machine are
        watched first, for under a minute. A failed order is asked about once more. Nothing is sent again.
        """
        await let_go()
        reporter = self._reporter()
        return await self._run(self._recover(reporter), reporter)

    @bare_errors
    def recover_sync(self) -> Recovered:
        """The same as `recover`, blocking."""
        reporter = self._reporter()
        return self._wait(self._recover(reporter), reporter)

    @bare_errors
    def orders(self) -> OrderTable:
        """The journal: every order and how far it came, as a table that shows itself.

        A remix that was fetched and whose file is gone, or has another size, is "missing".
        """
        return self._wait(read_orders(self._session), ProgressReporter(None))

    @bare_errors
    def remixes(
        self, prompt: str | None = None, reference: Any | None = None, since: Since | None = None
    ) -> RemixList:
        """The remixes on disk that the journal knows, oldest first, also after a restart.

        Parameters
        ----------
        prompt : the whole prompt.
        reference : the song in any form, known by its content wherever it lies by now (a URL by its address).
        since : at or after: a datetime, "2026-11-25", seconds since 1970, a timedelta for so long ago.

        >>> client.remixes(prompt="lo-fi hip hop", reference=song)[-1].request.prompt
        'lo-fi hip hop'
        """
        return self._wait(find_remixes(self._session, prompt, reference, since), ProgressReporter(None))

    @bare_errors
    def close(self) -> None:
        """Stop what is running (orders are kept) and close every connection. Harmless to call again."""
        if self._session.is_ours:
            LOOP.wait(self._session.aclose())

    @bare_errors
    async def aclose(self) -> None:
        """The same as `close`, awaitable."""
        self._check_can_close()
        if self._session.is_ours:
            await LOOP.run(self._session.aclose())

    async def __aenter__(self) -> Client:
        self._check_can_close()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        await self.aclose()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        what = "the embedded simulator" if self._settings.simulated else "key set"
        return f"Client({self._settings.base_url!r}, {what})"

    async def _status(self, message_id: str) -> RemixEvent:
        await self._session.open()
        return await self._session.transport.status(message_id)

    async def _recover(self, reporter: ProgressReporter) -> Recovered:
        return await recover(self._session, reporter, self.recover)

    async def _make_all(self, inputs: list[ParsedInput], reporter: ProgressReporter) -> RemixList:
        return await make_all(self._session, inputs, reporter, self._order_again)

    async def _order_again(self, takes: Sequence[Reorder]) -> RemixList:
        """What `RemixList.retry_failed` does: orders what failed and was not paid for."""
        return await using(takes, self.remix_all)

    def _reporter(self) -> ProgressReporter:
        return ProgressReporter(find_display(self._progress, self._price), self._price)

    async def _run(self, work: Coroutine[Any, Any, T], reporter: ProgressReporter) -> T:
        """Await some work, from any asyncio loop."""
        check_can_wait(work)
        self._session.check_process(work)
        try:
            return await LOOP.run(self._hold(work))
        except asyncio.CancelledError as error:
            raise self._interrupted(error, reporter) from None

    def _wait(self, work: Coroutine[Any, Any, T], reporter: ProgressReporter) -> T:
        """Block for some work, from any thread but the loop's own."""
        self._session.check_process(work)
        try:
            LOOP.check_may_block()
        except ConfigurationError:
            work.close()
            raise
        try:
            return LOOP.wait(self._hold(work))
        except KeyboardInterrupt as error:
            raise self._interrupted(error, reporter) from None

    def _start(self, work: Coroutine[Any, Any, T], reporter: ProgressReporter, title: str) -> RemixJob[T]:
        """Begin some work and return as soon as its display is up."""
        self._session.check_process(work)
        running = LOOP.prepare(self._hold(work))
        try:
            running.start()
            if not LOOP.is_current():
                # A display that comes up after its cell has ended lands nowhere in some front ends.
                reporter.opened.wait(DISPLAY_SECONDS)
        except KeyboardInterrupt as error:
            # The caller never gets the job, so nobody could wait for it.
            running.cancel()
            concurrent.futures.wait([running.future], timeout=SHUTDOWN_SECONDS)
            raise self._interrupted(error, reporter) from None
        return RemixJob(running, title, reporter)

    async def _stream(
        self, work: Callable[[Callable[[T], object]], Coroutine[Any, Any, None]], reporter: ProgressReporter
    ) -> AsyncIterator[T]:
        """Yield what some work puts, as it comes; leaving the loop stops the work."""
        check_can_wait()
        self._session.check_process()
        channel: Channel[T] = Channel()
        running = LOOP.prepare(channel.filled_by(self._hold(work(channel.put))))
        try:
            running.start()
            async for item in channel:
                yield item
        except GeneratorExit as left:
            await running.cancel_and_wait()
            raise self._interrupted(left, reporter) from None
        except asyncio.CancelledError as error:
            await running.cancel_and_wait()
            raise self._interrupted(error, reporter) from None
        except BaseException:
            running.cancel()  # nobody would see its result any more; harmless where it is over
            raise

    def _interrupted(self, error: E, reporter: ProgressReporter) -> E:
        """The interrupt, with what is finished and what is kept in its text."""
        error = reporter.interrupted(error)
        self.interrupted = reporter.results()
        return error

    async def _hold(self, work: Coroutine[Any, Any, T]) -> T:
        """Keeps this client, and so its session, while work runs, also where nobody else holds it."""
        return await self._session.run(work)

    def _check_can_close(self) -> None:
        """Raise ConfigurationError where `aclose` could not be awaited."""
        check_can_wait(hint="Use `with client:` and client.close(), or asyncio.")
