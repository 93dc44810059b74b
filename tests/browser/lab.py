"""A real JupyterLab and a real Chromium, driven the way a person would.

Nothing here waits by the clock: every step waits for what it needs to see.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Playwright, expect

TIMEOUT = 60_000  # milliseconds; a cold kernel on a busy machine takes its time

# Nothing but the page: no first-run dialogs, no look for news or updates.
_SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "docmanager-extension/plugin": {"autosave": False},
    # Every cell is in the page, also those out of sight.
    "notebook-extension/tracker": {"windowingMode": "none"},
}


def chromium() -> str | None:
    """The browser this machine has, or None."""
    named = os.environ.get("CHROMIUM")
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return named or next((path for path in map(shutil.which, names) if path), None)


def launch(playwright: Playwright, executable: str) -> Browser:
    return playwright.chromium.launch(
        executable_path=executable,
        args=[
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            # Players start without a click, and silence is no reason not to.
            "--autoplay-policy=no-user-gesture-required",
            # No name but this machine's resolves.
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
        ],
    )


def likely_port() -> int:
    """A port that was free just now; a server that starts from it takes another where it no longer is."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _port_of(process: subprocess.Popen[bytes], runtime: Path) -> int | None:
    """The port that a Jupyter server says it has; None before it has said so."""
    try:
        said = json.loads((runtime / f"jpserver-{process.pid}.json").read_text())
    except (FileNotFoundError, json.JSONDecodeError):  # not written yet, or not whole
        return None
    return int(said["port"])


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


@contextlib.contextmanager
def jupyterlab(folder: Path, base_url: str = "/") -> Iterator[LabServer]:
    """JupyterLab on a free loopback port, with its files, settings and trust database in `folder`.

    `base_url` is where on that port it lies; on hubs and on Binder it is "/user/somebody/".
    """
    root = folder / "files"
    settings = folder / "settings"
    root.mkdir(parents=True)
    for plugin, values in _SETTINGS.items():
        path = settings / "@jupyterlab" / f"{plugin}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    token = secrets.token_hex(16)
    log = folder / "jupyterlab.log"
    environment = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(settings),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_PLATFORM_DIRS": "1",
    }
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
        *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={likely_port()}"),
        *(f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={root}"),
        *("--ServerApp.open_browser=False", "--LabApp.expose_app_in_browser=True"),
        f"--ServerApp.base_url={base_url}",
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=environment, stdin=subprocess.DEVNULL
        )
    try:
        deadline = time.monotonic() + TIMEOUT / 1000
        while True:
            port = _port_of(process, folder / "runtime")
            url = f"http://127.0.0.1:{port}{base_url.rstrip('/')}"
            server = LabServer(url, token, root, folder / "data")
            if port is not None and _answers(server._api("status")):
                break
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"JupyterLab did not start:\n{log.read_text(errors='replace')[-4000:]}")
            time.sleep(0.1)  # polling a server of another process: there is nothing to wait on
        yield server
    finally:
        process.terminate()
        try:
            # It would ask one kernel after the other to end; they do so by themselves when it is gone.
            process.wait(2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@dataclass(frozen=True)
class LabServer:
    """Where a running JupyterLab is and where its files lie."""

    url: str
    token: str
    root: Path
    data: Path

    def address(self, path: str) -> str:
        # A workspace of its own for every visit: nothing is left open from the last one.
        workspace = secrets.token_hex(4)
        return f"{self.url}/lab/workspaces/{workspace}/tree/{path}?token={self.token}"

    def send_away(self) -> None:
        """What a notebook finds on the machine of somebody it was sent to: no kernel of its own, no trust."""
        with urllib.request.urlopen(self._api("sessions"), timeout=20) as answer:
            sessions = json.load(answer)
        for session in sessions:
            end = urllib.request.Request(self._api(f"sessions/{session['id']}"), method="DELETE")
            urllib.request.urlopen(end, timeout=20).close()
        database = self.data / "nbsignatures.db"
        with contextlib.closing(sqlite3.connect(database, timeout=20)) as signatures, signatures:
            signatures.execute("DELETE FROM nbsignatures")

    def _api(self, path: str) -> str:
        return f"{self.url}/api/{path}?token={self.token}"


class Lab:
    """A JupyterLab and a browser in front of it."""

    def __init__(self, server: LabServer, browser: Browser) -> None:
        self.server = server
        self._browser = browser
        self._contexts: list[BrowserContext] = []

    def write(self, name: str, cells: list[str]) -> str:
        """Put a notebook with these code cells where JupyterLab finds it; returns its path there."""
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
        book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(book, self.server.root / name)
        return name

    def copy(self, notebook: Path) -> str:
        """Put a copy of a notebook where JupyterLab finds it; returns its path there."""
        shutil.copyfile(notebook, self.server.root / notebook.name)
        return notebook.name

    def open_notebook(self, path: str, *, dark: bool = False, width: int = 1280) -> LabNotebook:
        context = self._browser.new_context(
            viewport={"width": width, "height": 1000}, color_scheme="dark" if dark else "light"
        )
        self._contexts.append(context)
        context.set_default_timeout(TIMEOUT)
        page = context.new_page()
        page.goto(self.server.address(path))
        return LabNotebook(page, self.server.root / path)

    def close(self) -> None:
        for context in self._contexts:
            context.close()


class LabNotebook:
    """One notebook, open in JupyterLab."""

    def __init__(self, page: Page, file: Path) -> None:
        self.page = page
        self.file = file
        expect(self.cells.first).to_be_visible(timeout=TIMEOUT)

    @property
    def cells(self) -> Locator:
        return self.page.locator(".jp-Notebook .jp-Cell")

    @property
    def outputs(self) -> Locator:
        return self.page.locator(".jp-Notebook .jp-OutputArea-output")

    def output_of(self, cell: int) -> Locator:
        """The outputs of the cell with this number, counting from 0 and all kinds of cells."""
        return self.cells.nth(cell).locator(".jp-OutputArea-output")

    def wait_for_kernel(self) -> None:
        """Wait until the kernel answers; the indicator in the toolbar says idle before that."""
        self.page.wait_for_function(
            """async () => {
                const panel = window.jupyterapp?.shell.currentWidget;
                if (!panel?.sessionContext) return false;
                await panel.context.ready;
                await panel.sessionContext.ready;
                const kernel = panel.sessionContext.session?.kernel;
                return kernel?.connectionStatus === 'connected' && kernel.status === 'idle';
            }""",
            timeout=TIMEOUT,
        )

    def command(self, name: str) -> None:
        """Run one of JupyterLab's commands, for example "docmanager:save"; returns at once."""
        self.page.evaluate("(name) => { window.jupyterapp.commands.execute(name); }", name)

    def run_all(self) -> None:
        """Start running every cell; returns at once."""
        self.wait_for_kernel()
        self.cells.first.click()
        self.command("notebook:run-all-cells")

    def wait_until_run(self, timeout: float = 2 * TIMEOUT) -> None:
        """Wait until every code cell has its number: the kernel is through with all of them.

        The notebook is asked, not the page: a folded cell shows no number.
        """
        self.page.wait_for_function(
            """() => {
                const cells = [...window.jupyterapp.shell.currentWidget.content.model.cells];
                const code = cells.filter((cell) => cell.type === 'code');
                return code.length > 0 && code.every((cell) => cell.executionCount !== null);
            }""",
            timeout=timeout,
        )

    def save(self) -> Any:
        """Save and return the notebook as it now is on disk."""
        before = self.file.stat().st_mtime_ns
        with self.page.expect_response(
            lambda answer: answer.request.method == "PUT" and "/api/contents/" in answer.url
        ) as answer:
            self.command("docmanager:save")
        assert answer.value.ok, f"saving answered {answer.value.status}"
        assert self.file.stat().st_mtime_ns != before
        return nbformat.read(self.file, as_version=4)

    def screenshot(self, path: Path) -> Path:
        self.page.screenshot(path=path)
        return path


def plays(player: Locator) -> bool:
    """Whether an <audio> element really plays: its data decode and its time moves on."""
    player.scroll_into_view_if_needed()
    return bool(
        player.evaluate(
            """(audio) => new Promise((resolve) => {
                audio.addEventListener('error', () => resolve(false));
                audio.addEventListener('timeupdate', () => {
                    if (audio.currentTime > 0.05) { audio.pause(); resolve(audio.duration > 1); }
                });
                audio.muted = true;
                audio.play().catch(() => resolve(false));
            })"""
        )
    )
