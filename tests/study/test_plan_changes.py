"""What a changed plan adds, keeps and no longer asks for."""

from __future__ import annotations

from dataclasses import replace

from soundverse_nb.study.plan import Plan
from soundverse_nb.study.plan_changes import plan_changes
from soundverse_nb.study.store import StoredTrial, TrialState
from soundverse_nb.study.trial import Trial


def by_identity(plan: Plan) -> dict[str, Trial]:
    return {trial.identity(trial.reference, "v7", True): trial for trial in plan}


def stored(plan: Plan) -> dict[str, StoredTrial]:
    made = {}
    for identity, trial in by_identity(plan).items():
        made[identity] = StoredTrial(
            identity=identity,
            plan=plan.hash,
            number=trial.number,
            reference=trial.reference,
            content="hash",
            factors=dict(trial.factors),
            instructions={},
            replicate=trial.replicate,
            is_control=False,
            state=TrialState.DONE,
        )
    return made


def test_trials_of_both_plans_are_kept_with_what_became_of_them() -> None:
    before = stored(Plan("one.mp3", ["jazz", "rock"], repeats=2))
    after = by_identity(Plan("one.mp3", ["jazz", "polka"], repeats=3))
    changes = plan_changes(before, after)
    assert {trial.factors["prompt"] for trial in changes.kept.values()} == {"jazz"}
    assert all(isinstance(trial, StoredTrial) for trial in changes.kept.values())
    assert sorted(trial.factors["prompt"] for trial in changes.added.values()) == ["jazz", *["polka"] * 3]
    assert {trial.factors["prompt"] for trial in changes.orphaned.values()} == {"rock"}
    assert bool(changes)
    assert sorted([*changes.added, *changes.kept]) == sorted(after)


def test_it_says_which_cells_and_how_far_they_came() -> None:
    before = stored(Plan("one.mp3", ["jazz", "rock"], repeats=2))
    failed = next(identity for identity, trial in before.items() if trial.factors["prompt"] == "rock")
    before[failed] = replace(before[failed], state=TrialState.FAILED)
    shown = plan_changes(before, by_identity(Plan("one.mp3", ["jazz", "polka"], repeats=2)))
    assert repr(shown).splitlines() == [
        "Changes to the plan: 2 added, 2 kept, 2 orphaned",
        "  added     2  one, polka (2 takes)",
        "  kept      2  2 done",
        "  orphaned  2  one, rock (2 takes) (1 failed, 1 done). They stay in the frame.",
    ]


def test_a_plan_of_other_names_is_the_same_plan() -> None:
    before = stored(Plan({"one": "a.mp3"}, {"x": "jazz"}))
    after = by_identity(Plan({"one": "b.mp3"}, {"y": "jazz"}))
    changes = plan_changes(before, after)
    assert not changes
    assert "as it was: 1 trial" in repr(changes)


def test_many_cells_are_cut_and_foreign_names_are_escaped() -> None:
    after = by_identity(Plan("one.mp3", {f"<script>{number}": f"style {number}" for number in range(50)}))
    bundle = plan_changes({}, after)._repr_mimebundle_()
    assert "and 42 more cells" in bundle["text/plain"]
    assert "<script>" not in bundle["text/html"]
    assert len(bundle["text/html"]) < 5_000
