"""A report as it was asked for, refused before anything of it is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from soundverse_nb.errors import ConfigurationError
from soundverse_nb.render.escape import plain
from soundverse_nb.study.estimates import Scope
from soundverse_nb.study.targets import check_page_target, check_target


@dataclass(frozen=True)
class ReportRequest:
    """What a report is to be. `metrics` None is all there are; `embed` as `StudyFolder.report` says."""

    path: Path
    metrics: Sequence[str] | None = None
    scope: Scope = "these songs"
    embed: bool | int = False
    title: str | None = None


def report_request(
    path: Path, metrics: Any, scope: Any, embed: Any, title: Any, *, overwrite: bool
) -> ReportRequest:
    """What was asked for, once all of it can be done. ConfigurationError, before anything is written."""
    if path.is_dir():
        raise ConfigurationError(
            f"{plain(path.name, 120)} is a folder, and a report is a file.", hint='For example "report.html".'
        )
    check_target(path)
    if path.exists() and not overwrite:
        raise ConfigurationError(
            f"There is a file {plain(path.name, 120)} already, which was left as it is.",
            hint="Choose another name, or overwrite=True.",
        )
    check_page_target(path)
    if not isinstance(embed, int) or embed < 0:
        raise ConfigurationError(f"embed={embed!r} is no number of bytes.", hint="True, False or 20_000_000.")
    if title is not None and not isinstance(title, str):
        raise ConfigurationError(f"title={title!r} is no text.", hint='For example title="Two prompts".')
    if scope not in get_args(Scope):
        raise ConfigurationError(
            f"scope={scope!r} is not known.", hint=f"It is {' or '.join(map(repr, get_args(Scope)))}."
        )
    chosen = [metrics] if isinstance(metrics, str) else metrics
    if chosen is not None and not (
        isinstance(chosen, Sequence) and all(isinstance(name, str) for name in chosen)
    ):
        raise ConfigurationError(
            f"metrics={metrics!r} names no columns.", hint='For example metrics=["tune_kept", "seconds"].'
        )
    return ReportRequest(path, chosen or None, scope, embed, title)
