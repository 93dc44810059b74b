"""The verdicts of a report: a summary by metric and factor, and which differences are clear among all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from soundverse_nb.api.secrets import hide_secrets
from soundverse_nb.errors import ConfigurationError
from soundverse_nb.render.escape import plain
from soundverse_nb.render.gallery import NumberColumn
from soundverse_nb.render.report import Verdict
from soundverse_nb.study.counted import count
from soundverse_nb.study.estimates import Scope
from soundverse_nb.study.frame import check_measure
from soundverse_nb.study.intervals import holm
from soundverse_nb.study.report_request import ReportRequest
from soundverse_nb.study.summarise import summarise
from soundverse_nb.study.summary import CLEAR, Summary
from soundverse_nb.study.takes import SHOWN

METRICS = tuple(name for name in SHOWN if name != "transposition_semitones")
"""What a report speaks of, where it was measured; metrics of one's own follow."""

_MOST_SAID = 4
"""Reasons of summaries left out that are said one by one."""


def report_summaries(
    rows: Sequence[Mapping[str, Any]], metrics: Sequence[str], request: ReportRequest
) -> tuple[list[Summary], list[str]]:
    """One for each metric and each factor that varies, and a sentence for each that there can be none of.

    A metric that was asked for by name has to be there.
    """
    found: list[Summary] = []
    without: list[tuple[str, str]] = []
    for metric in metrics:
        if request.metrics is not None and rows:
            check_measure(rows[0], metric)
        try:
            whole = summarise(rows, metric, scope=request.scope)
        except ConfigurationError as error:
            if request.metrics is not None:
                raise
            if _is_counted(rows, metric):  # else there is nothing of it yet, as of most measures at first
                without.append((NumberColumn.of(metric).label, error.message))
            continue
        if len(whole.by) <= 1:
            found.append(whole)
        else:
            parts = [_by_factor(rows, metric, factor, request.scope) for factor in whole.by]
            found += [part for part in parts if isinstance(part, Summary)]
            without += [part for part in parts if isinstance(part, tuple)]
    return found, _left_out(without)


def _left_out(without: Sequence[tuple[str, str]]) -> list[str]:
    """A sentence for each reason why there is no verdict of what is named."""
    reasons: dict[str, list[str]] = {}
    for name, reason in without:
        reasons.setdefault(reason, []).append(name)
    said = []
    for reason, names in list(reasons.items())[:_MOST_SAID]:
        listed = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
        said.append(
            f"{listed[:1].upper()}{listed[1:]} {'is' if len(names) == 1 else 'are'} left out. {reason}"
        )
    more = [f"And {len(reasons) - _MOST_SAID} more."] if len(reasons) > _MOST_SAID else []
    return [*said, *more]


def _by_factor(
    rows: Sequence[Mapping[str, Any]], metric: str, factor: str, scope: Scope
) -> Summary | tuple[str, str]:
    """The summary by one factor, or in words why there is none: takes with it may all lack the metric."""
    try:
        return summarise(rows, metric, factor, scope)
    except ConfigurationError as error:
        return f"{NumberColumn.of(metric).label} by {plain(factor, 60)}", error.message


def _is_counted(rows: Sequence[Mapping[str, Any]], metric: str) -> bool:
    """Whether there are takes that count for a metric, whatever can be said of them."""
    try:
        return count(rows, metric).takes > 0
    except ConfigurationError:
        return False


def verdicts_note(
    rows: Sequence[Mapping[str, Any]],
    summaries: Sequence[Summary],
    not_summed: Sequence[str],
    request: ReportRequest,
) -> str:
    """What stands above the verdicts: how they are judged together, and which of them cannot be given."""
    if not summaries:
        # Where takes count, what keeps them from a verdict is the reason, and not that there were none.
        return " ".join(not_summed or [_no_verdicts(rows, request.metrics)])
    pairs = sum(not math.isnan(pair.p) for summary in summaries for pair in summary.pairs)
    if len(summaries) == 1 or not pairs:
        return " ".join(not_summed)
    said = (
        f"There are {len(summaries)} verdicts, and each adjusts its p values for its own pairs alone; "
        f"marked as a clear difference is only what is beyond chance among all {pairs:,} pairs (Holm)."
    )
    return " ".join([said, *not_summed])


def clear_on_the_page(summaries: Sequence[Summary]) -> list[bool]:
    """By summary whether a pair of it is beyond chance after adjustment for the pairs of all of them.

    Each summary adjusts for its own pairs alone: of ten without any effect some four in ten pages would show
    a difference.
    """
    owners = [at for at, summary in enumerate(summaries) for _ in summary.pairs]
    adjusted = holm([pair.p for summary in summaries for pair in summary.pairs])
    clear = {at for at, p in zip(owners, adjusted, strict=True) if p < CLEAR}
    return [at in clear for at in range(len(summaries))]


def verdict_of(summary: Summary, is_simulated: bool, is_clear: bool) -> Verdict:
    label = NumberColumn.of(summary.metric).label
    by = f" by {', '.join(summary.by)}" if summary.by else ""
    return Verdict(
        f"{label[:1].upper()}{label[1:]}{by}",
        summary.verdict,
        # Where all takes are simulated, that is said once, at the top.
        tuple(
            check.text
            for check in summary.checks
            if check.state == "look" and (check.name != "service" or not is_simulated)
        ),
        is_clear,
        Markup(hide_secrets(summary.tables_html())),
    )


def _no_verdicts(rows: Sequence[Mapping[str, Any]], metrics: Sequence[str] | None) -> str:
    done = sum(row["state"] == "done" for row in rows)
    what = "any of these metrics" if metrics else "measures or times"
    return (
        f"There is nothing to tell yet: {done:,} of {len(rows):,} trials are done, none of them with {what}."
    )
