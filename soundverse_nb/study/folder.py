"""A study's folder as anybody reads it: its plan, frame, takes and audio, and what they say."""

from __future__ import annotations

import os
import platform
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from soundverse_nb import displays
from soundverse_nb.client.config import given_path
from soundverse_nb.errors import ConfigurationError, bare_errors
from soundverse_nb.measures.difference import Difference
from soundverse_nb.remix import Clip
from soundverse_nb.render.escape import plain
from soundverse_nb.render.gallery import MOST_NOTE, GalleryTake
from soundverse_nb.render.gallery_table import gallery_html, gallery_text
from soundverse_nb.study.archive import save_archive
from soundverse_nb.study.audio_files import audio_file, is_content
from soundverse_nb.study.environments import differences, runs_of
from soundverse_nb.study.estimates import Method, Scope
from soundverse_nb.study.frame import StudyRows, check_measure, levels_of, measure_column, study_frame
from soundverse_nb.study.measuring import kept_difference, own_columns
from soundverse_nb.study.mixed import mixed_model
from soundverse_nb.study.plan import MICRO, Plan
from soundverse_nb.study.plan_changes import PlanChanges
from soundverse_nb.study.plan_display import PlanPreview
from soundverse_nb.study.planned import AskedService, changed_plan, kept_plan
from soundverse_nb.study.plot import plot_metric
from soundverse_nb.study.precision import PilotSpread, Precision, pilot_spread, plan_precision
from soundverse_nb.study.report import write_report
from soundverse_nb.study.report_request import report_request
from soundverse_nb.study.run_request import noted_price
from soundverse_nb.study.runner_lease import Command, command_of, runner_of
from soundverse_nb.study.standing import costs, counts, stand
from soundverse_nb.study.store import NAME, StoredTrial, StudyStore, TrialState
from soundverse_nb.study.store_file import is_begun
from soundverse_nb.study.summarise import summarise
from soundverse_nb.study.summary import Summary
from soundverse_nb.study.summary_request import asked_metric
from soundverse_nb.study.takes import original_of, study_takes
from soundverse_nb.study.timeline import plot_timeline

S = TypeVar("S", bound="StudyFolder")


class StudyFolder:
    """What a study is to whoever reads it. Raises ConfigurationError for a folder that holds no study.

    Only stars and notes are written from here: nothing can be ordered.

    >>> import soundverse_nb as sv
    >>> plan = sv.Plan([sv.example_song()], ["jazz", "waltz"])
    >>> with sv.connect(progress=False) as client:
    ...     study = sv.Study("study", client).run_sync(plan, measures=False)
    soundverse_nb: no API key, ...
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = given_path(path, "path").absolute()
        self._store: StudyStore | None = None
        self._id: str | None = None
        self._live: Any = None  # the gallery that cells show in place of the table
        if self._exists:
            self._reading()  # what cannot be read is told of now

    @property
    def is_running(self) -> bool:
        """Whether some process runs it now."""
        return runner_of(self._reading()) is not None if self._exists else False

    @property
    def is_paused(self) -> bool:
        """Whether it runs, and was asked to order nothing more for now."""
        return self.is_running and command_of(self._reading()) is Command.PAUSE

    @property
    def plan(self) -> Plan | None:
        """The plan that was run last, with the songs from this folder; None before the first run."""
        found = self._reading().plan() if self._exists else None
        if found is None:
            return None
        description = found[1]
        songs = self._reading().songs()
        contents = description.get("contents", {})
        return kept_plan(self._reading(), description, lambda name: self._song(songs, contents.get(name)))

    def _song(self, songs: Any, content: str | None) -> Path:
        # Two songs that are gone are still two.
        file = audio_file(songs[content]["file"]) if content in songs else None
        return self.path / (file or f"audio/missing {content}")

    @bare_errors
    def to_frame(self) -> Any:
        """A pandas frame with a row for every trial, failed and missing ones too.

        Columns: the plan's factors, replicate, state, order, times in seconds, attempts, cost, the audio's
        hash and its path in the study's folder, every measure, stars and notes. `in_plan` is False for trials
        of earlier plans; `same_audio_as` names the earlier take that a repeat is the same file as, of a
        control an ordinary one. `not_measured` says why a take has no measures, `metric_errors` why metrics
        of your own gave no number: "name: reason; name: reason". Each column has one type, so that it goes to
        a file and comes back as it was. `.attrs` names the versions of the latest run, those that differed
        between runs, and the ranges of metrics of your own.

        >>> study.to_frame().to_csv("trials.csv", index=False)
        >>> study.to_frame().to_parquet("trials.parquet")  # with soundverse_nb[parquet]
        """
        store = self._reading()
        with store.explaining():
            frame, runs = study_frame(store), runs_of(store)
        frame.attrs |= {"environment": runs[-1] if runs else {}, "versions_differed": differences(runs)}
        return frame

    @bare_errors
    def report(
        self,
        path: str | os.PathLike[str],
        *,
        embed: bool | int = False,
        metrics: str | Sequence[str] | None = None,
        scope: Scope = "these songs",
        title: str | None = None,
        overwrite: bool = False,
    ) -> Path:
        """Write the study as one page: verdicts, plan, plots, every take to hear, failures, provenance.

        Parameters
        ----------
        path : of the page, "report.html". It opens from disk, and no request leaves it.
        embed : False copies the audio beside the page, into a folder of its name ("report_files"). True puts
            it into the page, as MP3s of at most 24 MB together; a number is another limit, in bytes. What is
            cut for it says so.
        metrics : columns to speak of; by default the usual ones, and metrics of one's own.
        scope : of the verdicts, as in `summary`.
        title : by default the folder's name.
        overwrite : replace a page that is there.

        Without matplotlib it has no plots, and says so. Keys and signatures of links are never in it. Raises
        ConfigurationError where there is no study yet, where the page is there already, for a metric that is
        not there, for another setting that is none, and where it cannot be written.

        >>> study.report("report.html").name
        'report.html'
        """
        target = given_path(path, "path").absolute()
        request = report_request(target, metrics, scope, embed, title, overwrite=overwrite)
        store = self._reading()
        with store.explaining():
            return write_report(store, self.path, self._rows_by_level(), self.plan, request)

    @bare_errors
    def save(
        self,
        path: str | os.PathLike[str],
        *,
        title: str | None = None,
        licence: str | None = None,
        author: str | None = None,
    ) -> Path:
        """Pack the whole study into a zip that a research archive takes; gives its path.

        Parameters
        ----------
        path : of the zip. An earlier archive there is replaced once the new one is whole.
        title, licence, author : for its description; `licence` is a URL.

        In it are the study itself, its audio, the trials as CSV, the plan, the versions of what made them,
        and a description as an RO-Crate; no key and no signature of a link. It may be packed while it runs.
        Unpacked, by `Study.open_zip` or by any other program, its folder is the study: `sv.Study(folder)`.

        Raises ConfigurationError where there is no study yet, without the extra `soundverse_nb[archive]`, and
        where the zip cannot be written.

        >>> study.save("study.zip", title="Two prompts, one song").name
        'study.zip'
        >>> sv.Study.open_zip("study.zip", "copy")
        Study('copy', 2 of 2 trials done)
        """
        target = given_path(path, "path").absolute()
        return save_archive(self.path, target, title=title, licence=licence, author=author)

    def trials(self, states: Iterable[TrialState] = ()) -> list[StoredTrial]:
        """The trials as the study keeps them, in the order of the plan."""
        return self._reading().trials(states)

    @property
    def unknown(self) -> list[StoredTrial]:
        """The trials that were sent and never answered: each may be paid, and none is ordered again unasked.

        `study.run(order_again=[trial.identity])` orders one again.
        """
        return self.trials([TrialState.UNKNOWN])

    def clip(self, identity: str) -> Clip:
        """The audio of a trial. ConfigurationError where it has none, or the file is gone."""
        trial = self._reading().trial(identity)
        name = None if trial is None else audio_file(trial.file)
        if trial is None or name is None:
            raise ConfigurationError(
                "This trial has no audio.", hint="study.to_frame() says how each stands."
            )
        file = self.path / name
        if not file.is_file():
            raise ConfigurationError(
                f"The audio of trial {trial.number} ({name}) is gone from the study's folder.",
                hint="study.run() takes it from the client's folder, or fetches it again; nothing is paid.",
            )
        if not is_content(file):
            raise ConfigurationError(
                f"The audio of trial {trial.number} ({name}) was changed since it was fetched.",
                hint="study.run() puts it back, or fetches it again; nothing is paid.",
            )
        return Clip(file)

    def difference(self, identity: str) -> Difference | None:
        """What the remix of a trial kept of its song and changed; None where it was not measured."""
        store = self._reading()
        with store.explaining():
            return kept_difference(store, identity)

    @bare_errors
    def mark(self, identity: str, *, stars: int | None = None, note: str | None = None) -> None:
        """Give a take 1 to 5 stars, or a note of a line; 0 and "" take them back."""
        if stars is not None and (
            isinstance(stars, bool) or not isinstance(stars, int) or not 0 <= stars <= 5
        ):
            raise ConfigurationError(f"stars={stars!r} are no whole number from 0 to 5.")
        if note is not None and not isinstance(note, str):
            raise ConfigurationError(f"note={note!r} is no text.")
        if self._reading().trial(identity) is None:
            raise ConfigurationError(
                f"This study has no trial {plain(identity, 80)}.",
                hint="study.to_frame() has their identities.",
            )
        self._writing().mark(identity, stars, None if note is None else plain(note, MOST_NOTE))

    def summary(
        self,
        metric: str,
        by: str | Sequence[str] | None = None,
        scope: Scope = "these songs",
        *,
        method: Method = "t",
        seed: int = 0,
    ) -> Summary:
        """What the study says of a metric, by level and by pair of levels; all settings as in `summarise`.

        >>> study.summary("seconds", by="prompt").scope
        'these songs'
        """
        return summarise(self._rows_by_level(metric), metric, by, scope, method=method, seed=seed)

    def mixed_model(self, metric: str, by: str | Sequence[str] | None = None) -> Any:
        """A linear mixed model of a metric with its songs as random effect, fitted by statsmodels."""
        return mixed_model(self._rows_by_level(metric), metric, by)

    def plot(
        self, metric: str, by: str | Sequence[str] | None = None, ax: Any = None, **settings: Any
    ) -> Any:
        """Draw a metric by factor with a dot for every take; gives the matplotlib axes. See `plot_metric`."""
        return plot_metric(self._rows_by_level(metric), metric, by, ax, **settings)

    def plot_timeline(self, ax: Any = None) -> Any:
        """Draw when every stream was in which stage; gives the matplotlib axes."""
        return plot_timeline(self._rows(), ax)

    def precision(self, metric: str, price: float | None = None, plan: Plan | None = None) -> Precision:
        """What a plan can find by the spread of the takes there are, and what a finer one costs.

        `plan` is the study's own where none is given, `price` that of one remix in the run before.
        """
        plan = self.plan if plan is None else plan
        if plan is None:
            raise ConfigurationError("This study has no plan yet.", hint="study.run(plan) gives it one.")
        spread = self._spread(metric)
        return plan_precision(plan, spread, noted_price(self._reading()) if price is None else price, metric)

    def preview(self, plan: Plan, price: float | None = None, metric: str = "tune_kept") -> PlanPreview:
        """What running this plan would add, keep and leave, what it costs, and what it can find.

        The takes there are tell how `metric` varies; without any the plan alone says it. Nothing is ordered.
        """
        price = noted_price(self._reading()) if price is None and self._exists else price
        rows = self._rows() if self._exists else []
        metric = measure_column(rows[0], asked_metric(metric)) if rows else metric
        spread = pilot_spread(rows, metric) if rows and metric in rows[0] else None
        return PlanPreview(
            plan,
            self.changes(plan) if self._exists else None,
            None if spread is None else plan_precision(plan, spread, price, metric),
            price,
        )

    def _spread(self, metric: str) -> PilotSpread | None:
        rows = self._rows(asked_metric(metric))
        return pilot_spread(rows, metric) if rows and metric in rows[0] else None

    def changes(self, plan: Plan) -> PlanChanges:
        """What would become of the trials there are if this plan were run: added, kept, orphaned.

        Trials of another service, as those of a rehearsal on the embedded one, are others. Songs count by the
        content they have here; one that the study has not seen is new.
        """
        return changed_plan(self._reading(), plan, self._asked_service())

    def _asked_service(self) -> AskedService | None:
        """Whom it orders from; None where that is whoever it was run with last."""
        return None

    def gallery(self) -> Any:
        """The takes to filter, sort, hear, rate and compare. What is rated lands in the frame.

        ConfigurationError where this front end has no gallery.
        """
        show = displays.lookup("gallery")
        if show is None:
            raise ConfigurationError(
                "This front end has no gallery.", hint="Open the notebook in JupyterLab, or study.to_frame()."
            )
        return self._gallery_of(self._takes(), show)

    def _gallery_of(
        self, takes: list[GalleryTake], show: Callable[..., Any], notes: Sequence[str] = ()
    ) -> Any:
        return show(
            takes,
            self.clip,
            lambda key, stars, note: self.mark(key, stars=stars or 0, note=note),
            open_original=lambda key: original_of(self._reading(), self.path, key),
            summary=self.headline(),
            notes=notes,
        )

    def _takes(self) -> list[GalleryTake]:
        store = self._reading()
        with store.explaining():
            return study_takes(store, self.path, own_columns(store))

    def _rows(self, metric: str | None = None) -> Any:
        """The rows of the frame. ConfigurationError where `metric` is a factor with the name of a measure."""
        store = self._reading()
        with store.explaining():
            rows = StudyRows(store)
        if metric is not None and rows:
            check_measure(rows[0], metric)
        return rows

    def _rows_by_level(self, metric: str | None = None) -> Any:
        """The same, levels in the order of the plan; trials were ordered in a shuffled one."""
        rows = self._rows(metric)
        if (found := self._reading().plan()) is not None:
            rows.sort_by_level(levels_of(found[1]))
        return rows

    def headline(self) -> str:
        """How it stands, in a line: trials by state, spent and reserved; what was simulated is apart."""
        parts = [*stand(self._reading()), *costs(self._reading())]
        return f"Study {plain(self.path.name, 60)}: {', '.join(parts)}"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        if not self._exists or not counts(self._reading()):
            return {"text/plain": repr(self)}
        takes, line = self._takes(), self.headline()
        show = displays.lookup("gallery") if displays.in_kernel() else None
        if show is not None:
            # One for all its cells: each would keep all takes in the kernel, and hear of no later ones.
            if self._live is None:
                self._live = self._gallery_of(takes, show, ["Run the cell to filter, play and rate them."])
            else:
                self._live.update(takes, line)
            return dict(self._live._repr_mimebundle_())
        notes = ["study.gallery() filters, plays, rates and compares them."]
        return {
            "text/plain": gallery_text(takes, line, notes),
            "text/html": str(gallery_html(takes, line, notes)),
        }

    @property
    def spent(self) -> float:
        """What its trials cost so far, in the currency of the price.

        Where any trial is of the real service it is the money for those; of a study that was only rehearsed
        it is the simulated cost.
        """
        return self._reading().spent()[0] / MICRO if self._exists else 0.0

    @property
    def simulated_cost(self) -> float:
        """What its simulated trials would have cost; nobody paid it."""
        return self._reading().spent(simulated=True)[0] / MICRO if self._exists else 0.0

    @property
    def reserved(self) -> float:
        """What is reserved for orders that are out, or of unknown outcome; of the kind that `spent` is of."""
        return self._reading().spent()[1] / MICRO if self._exists else 0.0

    @property
    def _exists(self) -> bool:
        self._leave_what_is_gone()
        return self._store is not None or is_begun(self.path / NAME)

    def _reading(self) -> StudyStore:
        self._leave_what_is_gone()
        return self._store if self._store is not None else self._opened(readonly=True)

    def _leave_what_is_gone(self) -> None:
        if self._store is not None and not self._store.is_in_place():
            self.close()

    def _opened(self, readonly: bool) -> StudyStore:
        self._store = StudyStore(self.path, readonly=readonly)
        return self._store

    def _writing(self) -> StudyStore:
        self._leave_what_is_gone()
        if self._store is None or self._store.readonly:
            store = StudyStore(self.path)
            # Begun anew in the place of one that was deleted, it still knows that one's orders.
            store.change("id", lambda old: old or self._id or secrets.token_hex(8))
            self._id = store.meta()["id"]
            store.change("created", lambda old: old or f"{time.time():.3f}")
            store.change("created_on", lambda old: old or platform.node())
            previous, self._store = self._store, store
            if previous is not None:
                previous.close()
        return self._store

    def close(self) -> None:
        """Close the study's file; it opens again by itself."""
        if self._store is not None:
            self._store.close()
            self._store = None

    def __enter__(self: S) -> S:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        if not self._exists:
            return f"Study({self.path.name!r}, not run yet)"
        return f"Study({self.path.name!r}, {', '.join(stand(self._reading()))})"
