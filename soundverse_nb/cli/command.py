"""The command line `soundverse-nb`; each subcommand is a module, loaded when it is asked for."""

from __future__ import annotations

import argparse
import errno
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import soundverse_nb
from soundverse_nb.advice import for_reader, shell_reader
from soundverse_nb.cli.output import give_up_output, never_fail_at_printing
from soundverse_nb.errors import ConfigurationError, SoundverseError, Spent

FAILED = 1
INTERRUPTED = 130  # 128 + SIGINT, as shells have it
_OUTPUT_IS_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit status: 0 all well, 1 something failed, 2 a wrong call."""
    never_fail_at_printing()
    with shell_reader():
        return _run(arguments)


def _run(arguments: Sequence[str] | None) -> int:
    try:
        options = parser().parse_args(arguments)
        command = import_module(f"soundverse_nb.cli.{options.module}")
        status = int(getattr(command, options.function)(options))
        sys.stdout.flush()
    except SoundverseError as error:
        print(f"soundverse-nb: {_message(error)}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt as stopped:
        if not hasattr(stopped, "results"):  # else it has been said what became of them
            print("soundverse-nb: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        give_up_output()  # whoever read it has gone (`| head`)
        return FAILED
    except OSError as error:
        if error.errno not in _OUTPUT_IS_FULL or error.filename is not None:
            raise
        give_up_output()
        print(f"soundverse-nb: the output cannot be written: {error.strerror}", file=sys.stderr)
        return FAILED
    return status


def _message(error: SoundverseError) -> str:
    """An error's sentence for a terminal: a wrong setting of a command has nothing to do with money."""
    if isinstance(error, ConfigurationError) and error.spent is Spent.NO:
        return for_reader(f"{error.message} {error.hint}".strip())
    return for_reader(str(error))


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="soundverse-nb",
        description="The notebook laboratory for AI remixes, from a terminal.",
        epilog="The notebooks are the place to begin: see README.md.",
        formatter_class=lambda prog: argparse.HelpFormatter(prog, max_help_position=30),
    )
    # The short form also makes the left column wide enough for each command to stand beside its help.
    top.add_argument(
        "-V", "--version", action="version", version=f"soundverse-nb {soundverse_nb.__version__}"
    )
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    top.set_defaults(function="run")

    demo = commands.add_parser(
        "demo",
        help="make four remixes of a song and a page to hear them on",
        description="Check a song, make four remixes of it at once on the embedded service, and write a page "
        "that compares them. Needs no key and no network; whatever key is set is not used.",
    )
    demo.add_argument("--reference", metavar="FILE", help="the song to remix (default: the example song)")
    demo.add_argument(
        "--out", metavar="DIR", default="soundverse-demo", help="where the page goes (default: %(default)s)"
    )
    demo.set_defaults(module="demo")

    preflight = commands.add_parser(
        "preflight",
        help="check songs before they cost anything",
        description="Say of each file whether the service would take it, and if not, why and how to fix it. "
        "The exit status is 1 where one fails. Nothing is sent.",
    )
    preflight.add_argument(
        "files",
        metavar="FILE",
        nargs="+",
        help="a song, or a folder of songs; names with a dash in front go after --",
    )
    _add_json(preflight)
    preflight.set_defaults(module="preflight")

    repair = commands.add_parser(
        "repair",
        help="write a copy of a song that the service takes",
        description="Write a copy that passes preflight, changing no more than needed. Nothing is sent.",
    )
    repair.add_argument("file", metavar="FILE", help="the song")
    repair.add_argument("--out", metavar="FILE", help="the copy: .mp3, .wav or .flac (default: beside it)")
    repair.add_argument(
        "--start",
        type=_not_negative,
        metavar="SECONDS",
        help="where it begins (default: the loudest part)",
    )
    repair.add_argument("--duration", type=_positive, metavar="SECONDS", help="how long the copy is")
    _add_json(repair)
    repair.set_defaults(module="preflight", function="run_repair")

    remix = commands.add_parser(
        "remix",
        help="make a remix of a song for each prompt",
        description="Check a song, order a remix of it for each prompt and fetch them. With a key in "
        "SOUNDVERSE_API_KEY they are paid for; without one they come from the embedded service.",
    )
    remix.add_argument("file", metavar="SONG", help="the song: a file or a URL")
    remix.add_argument("prompt", metavar="PROMPT", nargs="*", help='a style, such as "upbeat jazz"')
    remix.add_argument("--lyrics", metavar="TEXT", help="new words for the song")
    remix.add_argument("--out", metavar="DIR", help="where the remixes go (default: this user's data folder)")
    _add_json(remix)
    remix.set_defaults(module="orders", function="run_remix")

    simulator = commands.add_parser(
        "simulator",
        help="run the embedded service alone",
        description="Serve the remix endpoints on this machine until interrupted;\nprint what was charged.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
    )
    simulator.add_argument("-h", "--help", action=_HelpWithFaults, help="show this help, with all faults")
    simulator.add_argument("--port", type=_port, default=0, metavar="N", help="default: any free port")
    simulator.add_argument("--host", default="127.0.0.1", help="default: %(default)s, this machine only")
    simulator.add_argument("--api-key", metavar="KEY", help="the only key it takes (default: any)")
    simulator.add_argument(
        "--speed",
        type=_positive,
        default=1.0,
        metavar="X",
        help="so many times faster than life (default: 1)",
    )
    simulator.add_argument(
        "--hold",
        type=_not_negative,
        default=30.0,
        metavar="SECONDS",
        help="how long progress holds at 90, before --speed (default: %(default)g)",
    )
    simulator.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME[=TIMES]",
        help="misbehave in this way (see below), so many times; may be given again",
    )
    simulator.add_argument(
        "--take",
        type=_count,
        metavar="N",
        help="the same remix for the same request, take N (default: a repeat is another take)",
    )
    simulator.add_argument(
        "--render",
        choices=("full", "short"),
        default="full",
        help="short: a second of a few notes in place of each remix, at once (default: %(default)s)",
    )
    simulator.set_defaults(module="simulate")

    orders = commands.add_parser(
        "orders",
        help="list what was ordered and how it stands",
        description="List the orders in this user's journal, newest first. Nothing is sent.",
    )
    _add_json(orders)
    orders.set_defaults(module="orders", fetch=False)
    recover = commands.add_parser(
        "recover",
        help="fetch what was paid for and is not on disk yet",
        description="Finish what an interrupted session left: ask the service for each open order and fetch "
        "finished audio. Nothing is ordered again.",
    )
    _add_json(recover)
    recover.set_defaults(module="orders", fetch=True)
    return top


def _add_json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="write JSON, for other programs")


def _port(value: str) -> int:
    port = _number(value)
    if not 0 <= port <= 65535 or port != int(port):
        raise argparse.ArgumentTypeError(f"{value} is no port (0 to 65535)")
    return int(port)


def _count(value: str) -> int:
    number = _number(value)
    if not 1 <= number < float("inf") or number != int(number):
        raise argparse.ArgumentTypeError(f"{value} is no whole number from 1 upwards")
    return int(number)


def _positive(value: str) -> float:
    number = _number(value)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{value} is not a number above 0")
    return number


def _not_negative(value: str) -> float:
    number = _number(value)
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"{value} is not a number from 0 upwards")
    return number


def _number(value: str) -> float:
    """What was typed as a number; what is none compares as one that is in no range."""
    try:
        return float(value)
    except ValueError:
        return float("nan")


class _HelpWithFaults(argparse.Action):
    """The simulator's help. Its faults are looked up only here: no other command has to load the service."""

    def __init__(self, option_strings: Sequence[str], dest: str, **settings: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, **settings)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from soundverse_nb.cli.simulate import fault_rows  # loads aiohttp, for this help text alone

        parser.epilog = "\n".join(["Faults, for --fault:", *fault_rows()])
        parser.print_help()
        parser.exit()
