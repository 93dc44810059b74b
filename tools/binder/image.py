"""What repo2docker would build from this folder, without a container engine.

    python -m tools.binder.image plan    which recipe it picks and what that runs, checked
    python -m tools.binder.image base    the Python packages of its image before ours, as lines for pip
    python -m tools.binder.image pull REPOSITORY HOME
        starts a Jupyter server as on Binder, into which nbgitpuller brings the repository: it has to arrive,
        and its package to be the one that notebooks import

The first two need jupyter-repo2docker; the last runs in the environment it tests. CI makes that of `base`,
installs binder/requirements.txt over it as the recipe does, and runs postBuild.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import quote, urlencode

from tools.binder.link import FOLDER

# What repo2docker's own environment asks for by name and PyPI has; their dependencies follow by themselves.
_BASE = {
    "ipywidgets": "ipywidgets",
    "jupyter-offlinenotebook": "jupyter-offlinenotebook",
    "jupyter-resource-usage": "jupyter-resource-usage",
    "jupyter_server": "jupyter-server",
    "jupyterhub-base": "jupyterhub",
    "jupyterlab": "jupyterlab",
    "notebook": "notebook",
}
# A hub gives each of its users an address of this form.
BASE_URL = "/user/reader-1a2b/"
_START_SECONDS = 60


def recipe() -> Any:
    """The build pack that repo2docker picks for the working directory."""
    from repo2docker.app import Repo2Docker

    app = Repo2Docker()
    for pack_type in app.buildpacks:
        pack = pack_type(base_image=app.base_image)
        if pack.detect():
            pack.platform = "linux/amd64"
            return pack
    raise SystemExit("repo2docker finds nothing to build here")


def plan() -> None:
    """Print what would be run, and fail where the image would not be what binder/ says."""
    pack = recipe()
    version = Path("binder/runtime.txt").read_text().strip().removeprefix("python-")
    before = [script for _, script in pack.get_preassemble_scripts()]
    after = [script for _, script in pack.get_assemble_scripts()]
    last = pack.get_post_build_scripts()
    dockerfile = pack.render()
    print(
        f"{type(pack).__name__}, Python {pack.python_version}; before the repository is copied: {before[-1]}"
    )
    print(
        f"after: {after or 'nothing'}; at the end: {last}; Dockerfile of {len(dockerfile.splitlines())} lines"
    )
    problems = [
        sentence
        for holds, sentence in (
            (type(pack).__name__ == "PythonBuildPack", "another recipe than Python's"),
            (pack.python_version == version, f"another Python than {version}"),
            # From the lock file alone: the layer of the packages is kept while that file is the same.
            (
                any("binder/requirements.txt" in script for script in before),
                "packages wait for the repository",
            ),
            (not after, "something is installed that is not in the lock file"),
            (last == ["binder/postBuild"], "postBuild is not run"),
        )
        if not holds
    ]
    if problems:
        raise SystemExit("repo2docker: " + "; ".join(problems))


def base() -> list[str]:
    """The packages of repo2docker's own environment that are on PyPI, like ``jupyterlab==4.4.9``."""
    import repo2docker.buildpacks.conda as conda

    version = ".".join(recipe().python_version.split(".")[:2])
    lock = (Path(conda.__file__).parent / f"environment.py-{version}-linux-64.lock").read_text()
    found = dict(re.findall(r"/([\w.-]+?)-(\d[\w.]*)-[^/]*\.(?:conda|tar\.bz2)", lock))
    missing = sorted(_BASE.keys() - found.keys())
    if missing:
        raise SystemExit(f"repo2docker's lock no longer names {', '.join(missing)}")
    return [f"{name}=={found[theirs]}" for theirs, name in _BASE.items()]


def pull(repository: Path, home: Path) -> None:
    """Bring `repository` into `home` as the link to Binder does, and import the package from it."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    token = secrets.token_hex(16)
    address = f"http://127.0.0.1:{port}{BASE_URL}"
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", f"--port={port}"]
    settings = ["--port-retries=0", f"--ServerApp.base_url={BASE_URL}", f"--ServerApp.root_dir={home}"]
    with tempfile.TemporaryFile("w+") as log:
        environment = {**os.environ, "JUPYTER_TOKEN": token}
        server = subprocess.Popen([*command, *settings], env=environment, stdout=log, stderr=log)
        try:
            wait_for(f"{address}api?token={token}", server, log)
            print(f"{brought(address, token, repository)} is there")
        finally:
            server.terminate()
            server.wait(timeout=60)
    code = "import soundverse_nb; print(soundverse_nb.__file__)"
    imported = subprocess.run(
        [sys.executable, "-c", code], cwd=home / FOLDER / "notebooks", capture_output=True, text=True
    )
    print(f"notebooks import {imported.stdout.strip()}{imported.stderr}")
    if not Path(imported.stdout.strip()).is_relative_to((home / FOLDER).resolve()):
        raise SystemExit("notebooks and package are not of one day")


def brought(address: str, token: str, repository: Path) -> str:
    """Where the first notebook lies once nbgitpuller has brought the repository."""
    query = {"repo": repository.as_uri(), "branch": "main", "targetpath": FOLDER, "depth": 1, "token": token}
    with urllib.request.urlopen(f"{address}git-pull/api?{urlencode(query)}", timeout=120) as answer:
        lines = answer.read().decode().splitlines()
    said = [json.loads(line[6:]) for line in lines if line.startswith("data: ")]
    if not said or said[-1].get("phase") != "finished":
        raise SystemExit(f"nbgitpuller: {said[-1:]}")
    notebook = quote(f"{FOLDER}/notebooks/01_quickstart.ipynb")
    with urllib.request.urlopen(
        f"{address}api/contents/{notebook}?content=0&token={token}", timeout=60
    ) as answer:
        path: str = json.load(answer)["path"]
    return path


def wait_for(address: str, server: subprocess.Popen[bytes], log: TextIO) -> None:
    """Until the server answers; its own words if it ends instead."""
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        if server.poll() is not None:
            log.seek(0)
            raise SystemExit(f"the Jupyter server ended: {log.read()}")
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise SystemExit(f"no Jupyter server after {_START_SECONDS} s")


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = parser.add_subparsers(dest="what", required=True)
    what.add_parser("plan")
    what.add_parser("base")
    puller = what.add_parser("pull")
    puller.add_argument("repository", type=Path)
    puller.add_argument("home", type=Path, help="the folder in which postBuild was run")
    given = parser.parse_args()
    if given.what == "plan":
        plan()
    elif given.what == "base":
        print(*base(), sep="\n")
    else:
        pull(given.repository.resolve(), given.home.resolve())


if __name__ == "__main__":
    main()
