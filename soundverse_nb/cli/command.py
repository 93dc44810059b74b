"""The command line `soundverse-nb`; each subcommand is a module, loaded when it is asked for."""

from __future__ import annotations

import argparse
import errno
import math
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

    _add_sweep(commands)
    _add_study(commands)

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


_SWEEP = """Order the trials of a plan that are missing in a study, measure each remix as
it lands, and keep all of it in the study's folder, which opens in a notebook
too. What is ordered and what it costs is said before the first order. With a
key in SOUNDVERSE_API_KEY remixes are paid for; without one they come from the
embedded service."""

_SWEEP_STATUS = """
exit status:
  0    every trial of the plan has its audio
  1    refused: nothing was ordered
  2    a wrong call
  3    some trials failed, or their outcome is unknown
  4    the budget is used up
  5    stopped before all was ordered
  130  interrupted

Whatever it was, the same command goes on from there and pays for nothing twice."""


def _add_sweep(commands: Any) -> None:
    sweep = commands.add_parser(
        "sweep",
        help="run a study: order what is missing of a plan",
        description=_SWEEP,
        epilog=_SWEEP_STATUS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    sweep.add_argument("plan", metavar="PLAN", help="a plan: YAML, or a CSV table of its cells")
    sweep.add_argument("--study", metavar="DIR", required=True, help="the study's folder, new or begun")
    sweep.add_argument("--price", type=_not_negative, metavar="P", help="what one remix costs you")
    sweep.add_argument(
        "--budget",
        type=_budget,
        metavar="B",
        help="what the plan may cost in all; a shard has its share of it (default: that of the run before; "
        "inf lifts it)",
    )
    sweep.add_argument("--concurrency", type=_count, metavar="N", help="orders at a time (default: 8)")
    sweep.add_argument("--shard", type=_shard, metavar="I/N", help="part I of N of the plan, from 0/N")
    sweep.add_argument("--retry-failed", action="store_true", help="order again what failed")
    sweep.add_argument(
        "--order-again",
        action="store_true",
        help="order again what was sent and never answered, although it may be paid",
    )
    sweep.add_argument("--no-measures", action="store_true", help="leave measuring out")
    sweep.add_argument(
        "--base-url", metavar="URL", help="where the service is (default: SOUNDVERSE_BASE_URL)"
    )
    _add_json(sweep)
    sweep.set_defaults(module="sweep")


def _add_study(commands: Any) -> None:
    study = commands.add_parser(
        "study",
        help="look at a study, steer its run, export it",
        description="Say how a study stands; pause or stop whoever runs it, on whichever machine; write its "
        "report, its frame or an archive of it. Nothing is sent.",
    )
    study.add_argument("study", metavar="DIR", help="the study's folder")
    _add_json(study)
    study.set_defaults(module="study", action="status")
    actions = study.add_subparsers(title="actions", metavar="ACTION")
    for name, said in (
        ("status", "how it stands (the default)"),
        ("pause", "order nothing more for now; what is out is followed"),
        ("resume", "go on"),
        ("stop", "order nothing more, and end when what is out has ended"),
    ):
        actions.add_parser(name, help=said, description=said).set_defaults(action=name)
    report = actions.add_parser("report", help="write it as one page, with its audio beside it")
    report.add_argument("--embed", action="store_true", help="put the audio into the page")
    report.set_defaults(action="report")
    frame = actions.add_parser("frame", help="write a row for each trial: .csv or .parquet")
    frame.set_defaults(action="frame")
    for parser_ in (report, frame):
        parser_.add_argument("file", metavar="FILE", help="where it goes")
        parser_.add_argument("--overwrite", action="store_true", help="replace what is there")
    save = actions.add_parser("save", help="pack it into a zip for an archive")
    save.add_argument("file", metavar="FILE", help="the zip; what is there is replaced")
    save.set_defaults(action="save")
    merge = actions.add_parser(
        "merge", help="put other studies, such as shards, together into DIR, a new one"
    )
    merge.add_argument("others", metavar="OTHER", nargs="+", help="a study's folder")
    merge.set_defaults(action="merge")


def _add_json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="write JSON, for other programs")


def _port(value: str) -> int:
    port = _number(value)
    if not 0 <= port <= 65535 or port != int(port):
        raise argparse.ArgumentTypeError(f"{value} is no port (0 to 65535)")
    return int(port)


def _shard(value: str) -> tuple[int, int]:
    """ "0/4", the first of four parts."""
    index, _, of = value.partition("/")
    if not (index.isdecimal() and of.isdecimal() and int(index) < int(of)):
        raise argparse.ArgumentTypeError(f"{value} is no part: 0/4 to 3/4 are the parts of four")
    return int(index), int(of)


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


def _budget(value: str) -> float:
    return math.inf if _number(value) == math.inf else _not_negative(value)


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
