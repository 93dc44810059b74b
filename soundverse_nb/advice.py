"""Next steps in the words of whoever reads them: calls in Python, commands in a shell.

Sentences are written with calls (`await client.recover()`), since most readers are in a notebook. The command
line says for its process that the reader has a shell, and what is printed there names its commands.
"""

from __future__ import annotations

import ast
import contextlib
import re
import shlex
from collections.abc import Callable, Iterator

_TEXT = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""


def _with_file(match: re.Match[str]) -> str:
    return f"soundverse-nb {match[1]} {shlex.quote(ast.literal_eval(match[2]))}"


_COMMANDS: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (r"(?:await )?client\.recover\(\)", "soundverse-nb recover"),
    (r"client\.orders\(\)", "soundverse-nb orders"),
    (r"client\.remixes\(.*?\)\[-1\] opens it", "soundverse-nb orders says where it is"),
    (
        r"`(?:client\.interrupted|job\.results)` has what there is",
        "`soundverse-nb orders` lists what there is",
    ),
    (rf"sv\.(repair|preflight)\(({_TEXT})\)", _with_file),
    (r"sv\.(repair|preflight)\((?:\w*)\)", r"soundverse-nb \1 SONG"),
    (rf"sv\.Client\(host=({_TEXT})\)", r"SOUNDVERSE_HOST=\1"),
    (r" or Client\(api_key=\.\.\.\)", ""),
    # Arguments of the calls above: "start= picks another", "start=400 is not inside the song".
    (r"(?<![^\s(])(start|duration)=(?=\d)", r"--\1 "),
    (r"(?<![^\s(])(start|duration)=(?=[\s.,])", r"--\1"),
    (r"also from a new kernel", "also later"),
    (r"Running the same cell again goes on", "The same command goes on"),
    (r"With a higher budget= the same call goes on", "With a higher --budget the same command goes on"),
    (r"\(retry_failed=True tries", "(--retry-failed tries"),
    (r"\bRaise budget=;", "Raise --budget:"),
    (r'budget=float\("inf"\)', "--budget inf"),
    (r"\((price|budget)= changes it\)", r"(--\1 changes it)"),
    (r"Give price=,", "Give --price:"),
    (r"overwrite=True", "--overwrite"),
    (
        r"Here it can be read meanwhile: study\.to_frame\(\)\.",
        "It can be read meanwhile: soundverse-nb study DIR.",
    ),
    (r"study\.stop_after_current\(\)", "soundverse-nb study DIR stop"),
    (r"study\.(pause|resume)\(\)", r"soundverse-nb study DIR \1"),
    (
        r"Check the path, or give a client to begin one: sv\.Study\(path, client\)",
        "Check the path; soundverse-nb sweep PLAN --study DIR begins one",
    ),
    (
        r"is unpacked by sv\.Study\.open_zip\(path, folder\)",
        "is unpacked first, by any program that unpacks zips",
    ),
    (r"study\.run\((?:plan)?\)", "soundverse-nb sweep PLAN --study DIR"),
    (r"(?<=: )study\.save\b", "soundverse-nb study DIR save FILE"),
    (r"that study\.save wrote", "that soundverse-nb study DIR save wrote"),
    (r"study\.unknown lists", "soundverse-nb study DIR frame FILE lists"),
    (r"sv\.merge\(\[.*?\](?:, \S+?)?\)", "soundverse-nb study DIR merge OTHER ..."),
    (r"\(sv\.preflight names the call", "(soundverse-nb preflight names the command"),
    (r"\brun the cell again", "give the command again"),
    (r"client\.remixes\(\), ", ""),
    (r" and client\.remixes\(\) find them", " and soundverse-nb orders find them"),
    (r"concurrency=(?=\d)", "--concurrency "),
)
_in_shell = False


@contextlib.contextmanager
def shell_reader() -> Iterator[None]:
    """While this lasts, whoever reads what this process prints is in a shell."""
    global _in_shell
    before, _in_shell = _in_shell, True
    try:
        yield
    finally:
        _in_shell = before


def for_reader(text: str) -> str:
    """The text as it is for people in Python; with commands in place of calls for those in a shell.

    >>> with shell_reader():
    ...     for_reader("await client.recover() picks it up.")
    'soundverse-nb recover picks it up.'
    """
    if not _in_shell:
        return text
    for call, command in _COMMANDS:
        text = re.sub(call, command, text)
    return text
