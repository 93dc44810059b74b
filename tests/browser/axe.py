"""axe-core, the accessibility checker, fetched from npm once a machine and version."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page

VERSION = "4.10.3"


class NotInstalledError(Exception):
    """axe-core cannot be had on this machine; the text says why."""


def install_axe() -> Path:
    """The script of axe-core, kept in the temporary directory."""
    npm = shutil.which("npm")
    cache = Path(tempfile.gettempdir()) / f"soundverse-nb-axe-{VERSION}-{os.getuid()}"
    script = cache / "node_modules" / "axe-core" / "axe.min.js"
    if script.exists():
        return script
    if npm is None:
        raise NotInstalledError("npm is not on this machine, and axe-core comes from there")
    # Installed beside and moved into place, so that parallel test runs do not meet a half of it.
    fresh = Path(tempfile.mkdtemp(prefix="soundverse-nb-axe-"))
    run = subprocess.run(
        [npm, "install", "--prefix", str(fresh), "--no-audit", "--no-fund", "--no-save", "--ignore-scripts",
         f"axe-core@{VERSION}"],
        # npm's settings lie in the user's home, while tests have a home of their own.
        env={**os.environ, "HOME": pwd.getpwuid(os.getuid()).pw_dir},
        capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    if run.returncode:
        shutil.rmtree(fresh, ignore_errors=True)
        raise NotInstalledError(f"npm could not install axe-core@{VERSION}: {run.stderr[-500:]}")
    try:
        fresh.rename(cache)
    except OSError:  # another run was first
        shutil.rmtree(fresh, ignore_errors=True)
    return script


def violations(page: Page, part: Locator, script: Path) -> list[str]:
    """What axe-core objects to in a part of the page: rule, reason and the elements.

    JupyterLab's body is 0 pixels high and hides what overflows, so axe-core takes its text for invisible and
    skips the contrast of colours, which is the rule a theme breaks most easily. Given a height, it looks.
    """
    if not page.evaluate("() => 'axe' in window"):
        page.add_script_tag(path=script)
    found: list[dict[str, Any]] = part.evaluate(
        """async (part) => {
            document.body.style.height = '100vh';
            const {violations, passes, incomplete} = await axe.run(part);
            document.body.style.height = '';
            const seen = [...passes, ...incomplete, ...violations].map(({id}) => id);
            if (part.innerText && !seen.includes('color-contrast')) throw new Error('axe-core saw no text');
            return violations.map(({id, help, nodes}) => ({id, help, nodes: nodes.map((n) =>
                n.html.slice(0, 160) + ' ' + n.any.map((a) => a.message).join(' ').slice(0, 200))}));
        }"""
    )
    return [f"{rule['id']}: {rule['help']}: {node}" for rule in found for node in rule["nodes"]]
