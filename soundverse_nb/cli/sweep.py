"""soundverse-nb sweep: a study that runs under a terminal or a scheduler, and goes on where it ended."""

from __future__ import annotations

import argparse
import contextlib
import math
import shlex
import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from soundverse_nb.advice import for_reader
from soundverse_nb.cli.output import notices_aside, print_json
from soundverse_nb.client import connect
from soundverse_nb.errors import BudgetExceededError, SoundverseError
from soundverse_nb.render.escape import one_line
from soundverse_nb.study import Plan, Study, TrialState

REFUSED, INCOMPLETE, NO_BUDGET, STOPPED = 1, 3, 4, 5
"""Exit statuses beside 0, all done, and 130, interrupted; argparse has 2."""

DEFAULT_STREAMS = 8
"""Orders at a time, as a client has them by default."""

_OUTCOMES = {0: "done", REFUSED: "refused", INCOMPLETE: "incomplete", NO_BUDGET: "budget", STOPPED: "stopped"}


def run(options: argparse.Namespace) -> int:
    """Order what is missing, and say how the study stands; the exit status says it to other programs."""
    plan = _plan(options)
    with notices_aside():
        client = connect(base_url=options.base_url, progress=not options.json)
        try:
            with Study(options.study, client) as study, _terminated_like_an_interrupt():
                at_once = options.concurrency or DEFAULT_STREAMS
                print(f"soundverse_nb: {plan.estimate(options.price, None, at_once)}", flush=True)
                status = _run(study, plan, options)
                counts = Counter(trial.state for trial in study.trials() if trial.plan == plan.hash)
                costs = {name: getattr(study, name) for name in ("spent", "simulated_cost", "reserved")}
                line = study.headline()
        finally:
            client.close()
    if options.json:
        by_state = {state.value: counts[state] for state in TrialState}
        outcome = {"plan": plan.hash, "outcome": _OUTCOMES[status], **costs, "trials": by_state}
        print_json({"study": str(Path(options.study)), **outcome})
    else:
        print(line)
        if counts[TrialState.UNKNOWN]:
            print(
                "Those of unknown outcome may be paid. The same command with --order-again orders them again."
            )
        folder = shlex.quote(one_line(options.study))
        print(f"soundverse-nb study {folder} report report.html writes it as a page.")
    return status


def _plan(options: argparse.Namespace) -> Plan:
    """The plan, or the part of it that this machine runs, with the budget for that."""
    is_table = options.plan.lower().endswith(".csv")
    plan = Plan.from_frame(options.plan) if is_table else Plan.load(options.plan)
    if options.shard is None:
        return plan
    index, of = options.shard
    return plan.shard(index, of, None if options.budget == math.inf else options.budget)


def _run(study: Study, plan: Plan, options: argparse.Namespace) -> int:
    """Run it; what stops it early is told here, since the study's line still follows."""
    before = _attempts(study)
    try:
        study.run_sync(
            plan,
            price=options.price,
            # That of a shard is its share, which its plan has; none at all is the same for every part.
            budget=options.budget if options.shard is None or options.budget == math.inf else None,
            concurrency=options.concurrency,
            measures=not options.no_measures,
            retry_failed=options.retry_failed,
            order_again=_unknown(study) if options.order_again else (),
        )
    except BudgetExceededError as full:
        print(f"soundverse-nb: {for_reader(str(full))}", file=sys.stderr)
        return NO_BUDGET
    except SoundverseError as error:
        if _attempts(study) == before:
            raise
        print(f"soundverse-nb: {for_reader(str(error))}", file=sys.stderr)
        return STOPPED
    counts = Counter(trial.state for trial in study.trials() if trial.plan == plan.hash)
    if counts[TrialState.MISSING]:
        return STOPPED
    return 0 if set(counts) <= {TrialState.DONE} else INCOMPLETE


def _unknown(study: Study) -> list[str]:
    return [] if study.plan is None else [trial.identity for trial in study.unknown]


def _attempts(study: Study) -> int:
    return 0 if study.plan is None else sum(trial.attempts for trial in study.trials())


@contextlib.contextmanager
def _terminated_like_an_interrupt() -> Iterator[None]:
    """A scheduler that takes the machine away sends SIGTERM, a terminal that is closed SIGHUP: what is out is
    noted, as at Ctrl-C.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ends = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    # What nohup lets a program ignore stays ignored.
    heard = [end for end in ends if signal.getsignal(end) is not signal.SIG_IGN]
    before = {end: signal.signal(end, signal.default_int_handler) for end in heard}
    try:
        yield
    finally:
        for end, handler in before.items():
            signal.signal(end, handler)
