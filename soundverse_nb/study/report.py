"""The report of a study, as one page: what it found, every take to hear, and where it comes from."""

from __future__ import annotations

import contextlib
import copy
import json
import secrets
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeVar

from markupsafe import Markup

from soundverse_nb import __version__
from soundverse_nb.api.secrets import hide_key, hide_secrets
from soundverse_nb.errors import ConfigurationError
from soundverse_nb.render.escape import plain
from soundverse_nb.render.gallery import STATES, GalleryTake
from soundverse_nb.render.report import Report, report_html
from soundverse_nb.render.units import money
from soundverse_nb.study.counted import STAMPS, factors_of
from soundverse_nb.study.environments import differences, runs_of
from soundverse_nb.study.frame import measure_column
from soundverse_nb.study.measuring import own_columns
from soundverse_nb.study.plan import MICRO, Plan
from soundverse_nb.study.plan_display import plan_html
from soundverse_nb.study.precision import pilot_spread, plan_precision
from soundverse_nb.study.report_audio import DEFAULT_BYTES, report_sounds
from soundverse_nb.study.report_bars import same_bars
from soundverse_nb.study.report_plots import report_figures
from soundverse_nb.study.report_request import ReportRequest
from soundverse_nb.study.report_verdicts import (
    METRICS,
    clear_on_the_page,
    report_summaries,
    verdict_of,
    verdicts_note,
)
from soundverse_nb.study.run_request import noted_price
from soundverse_nb.study.runner_lease import runner_of
from soundverse_nb.study.standing import amounts, costs
from soundverse_nb.study.store import StudyStore
from soundverse_nb.study.takes import study_takes
from soundverse_nb.study.unfinished import delete_left_parts

T = TypeVar("T")

MOST_TAKES = 2000
"""Takes that a page shows; more of them no browser scrolls smoothly."""

_MOST_READ = 500
"""Takes whose waveform is drawn: each is read for it."""

_MOST_LISTED = 500
"""Trials without audio that are listed one by one."""


def write_report(
    store: StudyStore, folder: Path, rows: list[dict[str, Any]], plan: Plan | None, request: ReportRequest
) -> Path:
    """Write the page, and the audio beside it where it is not embedded; gives the page's path."""
    own = own_columns(store)
    rows = _with_names_to_show(rows)
    columns = list(rows[0]) if rows else []
    metrics = request.metrics or [measure_column(columns, name) for name in (*METRICS, *own)]
    summaries, not_summed = report_summaries(rows, metrics, request)
    takes = [_without_secrets(take) for take in study_takes(store, folder, own, _MOST_READ)]
    audible = [take for take in takes if take.is_audible]
    shown = audible[:MOST_TAKES]
    figures, no_figures = report_figures(rows, summaries, len({row["reference"] for row in rows}))
    cap = (DEFAULT_BYTES if request.embed is True else int(request.embed)) if request.embed else None
    unfinished = request.path.with_name(f".{request.path.name}.{secrets.token_hex(4)}.part")
    try:
        request.path.parent.mkdir(parents=True, exist_ok=True)
        delete_left_parts(request.path.parent, request.path.name)
        songs, heard, said = report_sounds(store, folder, rows, shown, request.path, cap)
        simulated = sum(bool(row["simulated"]) for row in rows)
        report = Report(
            title=hide_secrets(request.title or _title(folder)),
            lead=_lead(rows, store),
            verdicts=tuple(
                verdict_of(summary, simulated == len(rows), is_clear)
                for summary, is_clear in zip(summaries, clear_on_the_page(summaries), strict=True)
            ),
            verdicts_note=verdicts_note(rows, summaries, not_summed, request),
            plan=_plan(store, rows, plan, metrics),
            figures=tuple(figures),
            figures_note=no_figures,
            songs=tuple(songs),
            takes=tuple(heard),
            alignments=tuple(same_bars(store, songs, heard)),
            takes_note=" ".join(filter(None, [_left_out(audible, shown), said])),
            failures=tuple(_failures(takes, rows)),
            failures_note=_failures_note(takes),
            facts=tuple((name, hide_secrets(value)) for name, value in _facts(store, rows, plan)),
            cautions=tuple(_cautions(rows, store)),
            badge="Simulated." if simulated else "",
            warning=_simulated(simulated, len(rows)),
            foot=(f"Written by soundverse_nb {__version__} on {_moment(time.time())}.",),
            is_beside=cap is None,
        )
        with open(unfinished, "x", encoding="utf-8") as file:
            file.write(hide_key(str(report_html(report))))
        unfinished.replace(request.path)
    except OSError as error:
        raise ConfigurationError(
            f"The report {plain(request.path.name, 120)} could not be written: {error.strerror or error}.",
            hint="Is there room, and may you write there?",
        ) from None
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
    return request.path


def _plan(
    store: StudyStore, rows: Sequence[Mapping[str, Any]], plan: Plan | None, metrics: Sequence[str]
) -> Markup:
    """The plan with the price of the run before, and what it finds by how the takes of the study vary."""
    if plan is None:
        return Markup("")
    price = noted_price(store)
    spreads = ((metric, pilot_spread(rows, metric)) for metric in metrics if rows and metric in rows[0])
    found = next(((metric, spread) for metric, spread in spreads if spread is not None), None)
    known = None if found is None else plan_precision(plan, found[1], price, found[0])
    left = sum(row["state"] == "missing" and row["in_plan"] for row in rows)
    return Markup(hide_secrets(plan_html(plan, known, price, left)))


def _title(folder: Path) -> str:
    return "Study" if folder.name.lower() == "study" else f"Study {folder.name}"


def _with_names_to_show(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with the names of songs and levels as they may be shown; what was two levels stays two."""
    shown: dict[tuple[str, str], str] = {}
    taken: set[tuple[str, str]] = set()

    def name(factor: str, level: str) -> str:
        if (factor, level) not in shown:
            wanted = hide_secrets(level)
            number, found = 1, wanted
            while (factor, found) in taken:
                number += 1
                found = f"{wanted} ({number})"
            shown[factor, level] = found
            taken.add((factor, found))
        return shown[factor, level]

    names = ["reference", *(factors_of(list(rows[0])) if rows else [])]
    named = copy.copy(rows)  # which keeps the ranges of metrics of one's own
    named[:] = [
        {**row, **{factor: name(factor, row[factor]) for factor in names if row[factor] is not None}}
        for row in rows
    ]
    return named


def _without_secrets(take: GalleryTake) -> GalleryTake:
    texts = {
        name: hide_secrets(getattr(take, name)) for name in ("title", "reference", "reason", "detail", "note")
    }
    factors = {name: hide_secrets(level) for name, level in take.factors.items()}
    return replace(take, factors=factors, **texts)  # type: ignore[arg-type]


def _lead(rows: Sequence[Mapping[str, Any]], store: StudyStore) -> str:
    counts = Counter(str(row["state"]) for row in rows)
    parts = [f"{counts['done']:,} of {len(rows):,} trials done"]
    parts += [f"{counts[state]:,} {STATES[state]}" for state in STATES if state != "done" and counts[state]]
    return f"{', '.join([*parts, *costs(store)])}."


def _simulated(simulated: int, trials: int) -> str:
    if not simulated:
        return ""
    which = "All takes" if simulated == trials else f"{simulated:,} of {trials:,} trials"
    return (
        f"{which} are of the embedded service of soundverse_nb: signal processing, not the model. "
        "Nothing was sent out for them and nothing was paid."
    )


def _left_out(audible: Sequence[GalleryTake], shown: Sequence[GalleryTake]) -> str:
    if not audible:
        return "There is nothing to hear yet."
    said = (
        []
        if len(shown) == len(audible)
        else [f"The first {len(shown):,} of {len(audible):,} takes are here."]
    )
    unread = sum(not take.peaks for take in shown)
    said += [f"The waveforms of {unread:,} takes are left out."] if unread else []
    return " ".join(said)


def _failures(takes: Sequence[GalleryTake], rows: Sequence[Mapping[str, Any]]) -> Iterable[tuple[str, ...]]:
    charged = {row["identity"]: float(row["cost"]) for row in rows}
    rest = [take for take in takes if not take.is_audible and take.state != "missing"]
    for take in rest[:_MOST_LISTED]:
        paid = f"{money(charged.get(take.key, 0.0))}{' simulated' if take.is_simulated else ''}"
        state = "audio gone" if take.state == "done" else STATES.get(take.state, take.state)
        yield str(take.number), take.reference, take.words, state, take.ending, paid


def _failures_note(takes: Sequence[GalleryTake]) -> str:
    missing = sum(take.state == "missing" for take in takes)
    rest = sum(not take.is_audible for take in takes) - missing
    said = [f"The first {_MOST_LISTED} of {rest:,} are listed."] if rest > _MOST_LISTED else []
    if missing:
        said.append(f"{missing:,} trial{' was' if missing == 1 else 's were'} not run.")
    if not missing and not rest:
        return "Every trial has its audio." if takes else ""
    return " ".join(said)


def _facts(
    store: StudyStore, rows: Sequence[Mapping[str, Any]], plan: Plan | None
) -> Iterable[tuple[str, str]]:
    meta, found = store.meta(), store.plan()
    began = [row["started"] for row in rows if row["started"] is not None]
    ended = [row["finished"] for row in rows if row["finished"] is not None]
    made = json.loads(meta.get("environment", "{}"))
    yield "service", meta.get("service", "not known yet")
    yield "simulated", _yes(any(row["simulated"] for row in rows), all(row["simulated"] for row in rows))
    if began:
        yield "orders", f"{_moment(min(began))} to {_moment(max([*ended, max(began)]))}"
    yield from ((name, money(amount / MICRO)) for name, amount in amounts(store))
    if found:
        yield "plan", found[0]
    if plan is not None:
        yield "seed", str(plan.seed)
        if plan.share != 1:
            yield "share of the whole plan", f"{100 * plan.share:.0f} %"
    for name, stamps in _stamps(rows).items():
        yield name.replace("_", " "), ", ".join(sorted(stamps))
    if versions := made.get("versions"):
        yield "versions", ", ".join(f"{name} {version}" for name, version in versions.items())
    if differed := differences(runs_of(store)):
        yield "versions differed between runs", differed
    for name in ("python", "platform", "host"):
        if name in made:
            yield {"python": "Python"}.get(name, name), str(made[name])
    if "created" in meta:
        yield (
            "begun",
            _moment(float(meta["created"])) + (f" on {on}" if (on := meta.get("created_on")) else ""),
        )
    if "merged" in meta:
        yield "merged from", ", ".join(json.loads(meta["merged"]))
    yield "study", meta.get("id", "not known yet")


def _yes(some: bool, every: bool) -> str:
    return "yes" if some and every else "some trials" if some else "no"


def _stamps(rows: Sequence[Mapping[str, Any]]) -> dict[str, set[str]]:
    found = {name: {str(row[name]) for row in rows if row.get(name) is not None} for name in STAMPS}
    return {name: stamps for name, stamps in found.items() if stamps}


def _cautions(rows: Sequence[Mapping[str, Any]], store: StudyStore) -> Iterable[str]:
    if runner_of(store) is not None:
        yield "The study was being run while this was written."
    for name, stamps in _stamps(rows).items():
        if len(stamps) > 1:
            yield (
                f"{len(stamps)} versions of the measures are mixed ({name.replace('_', ' ')}), "
                "and may differ: study.measure() measures all takes by one."
            )
    if unmeasured := sum(row["not_measured"] is not None and row["extractor"] is None for row in rows):
        yield f"{unmeasured:,} take{' was' if unmeasured == 1 else 's were'} not measured."
    unknown = sum(row["state"] == "unknown" for row in rows)
    if unknown:
        yield f"{unknown:,} of unknown outcome may be paid: they stay reserved and are not ordered again."


def _moment(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
