"""A plan: which trials there are, in which order, and what makes two of them the same."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np
import pytest

import soundverse_nb as sv
from soundverse_nb.study.plan import Plan

SONGS = ["one.mp3", "two.mp3"]


def prompts(plan: Plan) -> list[str | None]:
    return [trial.instructions.prompt for trial in plan]


def test_every_level_meets_every_other() -> None:
    plan = Plan(SONGS, ["jazz", "rock"], parameters=[{"strength": 0.5}, {"strength": 1.0}])
    assert len(plan) == 8
    assert len({trial.identity(trial.reference, "v7", False) for trial in plan}) == 8


def test_a_mapping_names_its_levels() -> None:
    plan = Plan({"folk": "a.mp3"}, {"loud": "heavy metal", "quiet": "a lullaby"})
    assert {trial.factors["prompt"]: trial.instructions.prompt for trial in plan} == {
        "loud": "heavy metal",
        "quiet": "a lullaby",
    }


def test_one_song_and_one_prompt_need_no_list() -> None:
    assert prompts(Plan("one.mp3", "jazz")) == ["jazz"]


def test_samples_with_their_rate_are_one_song() -> None:
    import numpy as np

    assert len(Plan((np.zeros(441_000), 44_100), "jazz")) == 1


def test_slots_are_factors_of_the_prompts_that_have_them() -> None:
    plan = Plan("one.mp3", ["a {mood} waltz", "jazz"], slots={"mood": ["sad", "merry"]})
    assert sorted(prompts(plan)) == ["a merry waltz", "a sad waltz", "jazz"]
    assert {trial.factors.get("mood") for trial in plan} == {"sad", "merry", None}


def test_a_brace_that_is_meant_is_written_twice() -> None:
    assert prompts(Plan("one.mp3", "jazz {{cool}}")) == ["jazz {cool}"]


def test_songs_are_blocks_and_first_takes_come_before_second_ones() -> None:
    plan = Plan(SONGS, ["jazz", "rock", "ska"], repeats=2)
    assert [trial.reference for trial in plan] == ["one"] * 6 + ["two"] * 6
    assert [trial.replicate for trial in plan] == [1, 1, 1, 2, 2, 2] * 2


def test_the_order_in_a_block_is_shuffled_and_the_seed_gives_it_again() -> None:
    styles = [f"style {number}" for number in range(12)]
    first = prompts(Plan("one.mp3", styles, seed=1))
    assert first == prompts(Plan("one.mp3", styles, seed=1))
    assert first != prompts(Plan("one.mp3", styles, seed=2))
    assert first != styles


def test_a_level_that_is_added_leaves_the_others_in_their_order() -> None:
    styles = [f"style {number}" for number in range(8)]
    before = prompts(Plan("one.mp3", styles))
    after = prompts(Plan("one.mp3", [*styles, "polka"]))
    assert [prompt for prompt in after if prompt != "polka"] == before


def test_repeats_may_differ_from_cell_to_cell() -> None:
    plan = Plan(SONGS, ["jazz", "rock"], repeats=[({}, 2), ({"prompt": "jazz", "reference": "two"}, 5)])
    counted = Counter((trial.reference, trial.instructions.prompt) for trial in plan)
    assert counted == {("one", "jazz"): 2, ("one", "rock"): 2, ("two", "jazz"): 5, ("two", "rock"): 2}


def test_cells_can_be_left_out_and_put_back() -> None:
    plan = Plan(
        SONGS,
        ["jazz", "rock"],
        excluded=[{"prompt": "rock"}],
        extra=[{"reference": "two", "prompt": "rock"}],
    )
    assert {(trial.reference, trial.instructions.prompt) for trial in plan} == {
        ("one", "jazz"),
        ("two", "jazz"),
        ("two", "rock"),
    }


def test_a_control_cell_comes_back_through_the_whole_plan_whatever_song_is_ordered() -> None:
    plan = Plan(
        SONGS,
        ["jazz", "rock", "ska"],
        repeats=4,
        control={"reference": "one", "prompt": "jazz"},
        control_every=5,
    )
    controls = [trial for trial in plan if trial.is_control]
    assert len(plan) == 24 + 4
    assert [trial.number for trial in controls] == [6, 12, 18, 24]
    assert {trial.reference for trial in plan if trial.number > 14 and not trial.is_control} == {"two"}
    # They are numbered on after the takes of their cell, so that none is taken for one that is there.
    assert [trial.replicate for trial in controls] == [5, 6, 7, 8]
    assert len({trial.identity(trial.reference, "v7", True) for trial in plan}) == len(plan)


@pytest.mark.parametrize("every", [1, 2, 3, 5])
def test_each_shard_has_its_share_of_the_controls(every: int) -> None:
    plan = Plan(
        SONGS,
        ["jazz", "rock", "ska"],
        repeats=8,
        control={"reference": "one", "prompt": "jazz"},
        control_every=every,
    )
    parts = [plan.shard(at, 4) for at in range(4)]
    shares = [sum(trial.is_control for trial in part) for part in parts]
    assert max(shares) - min(shares) <= 1
    assert sorted(trial.number for part in parts for trial in part) == [trial.number for trial in plan]


@pytest.mark.parametrize("repeats", [2, 5, 9])
def test_a_control_stays_one_and_no_take_becomes_one_when_repeats_change(repeats: int) -> None:
    cell = {"reference": "one", "prompt": "jazz"}

    def identities(count: int) -> tuple[list[str], set[str]]:
        plan = Plan(SONGS, ["jazz", "rock", "ska"], repeats=count, control=cell, control_every=3)
        named = [(trial.is_control, trial.identity(trial.reference, "v7", True)) for trial in plan]
        return [name for control, name in named if control], {name for control, name in named if not control}

    (before, takes), (after, others) = identities(4), identities(repeats)
    count = min(len(before), len(after))
    assert count
    assert before[:count] == after[:count]
    assert not set(before) & others
    assert not set(after) & takes


@pytest.mark.parametrize(
    "grown",
    [
        {"repeats": 5},
        {"prompts": ["jazz", "rock", "ska", "dub"]},
        {"references": [*SONGS, "three.mp3"]},
        {"seed": 9},
        {"excluded": [{"prompt": "rock", "reference": "two"}]},
    ],
)
def test_a_trial_stays_with_its_shard_when_the_plan_grows(grown: dict[str, Any]) -> None:
    given: dict[str, Any] = {"references": SONGS, "prompts": ["jazz", "rock", "ska"], "repeats": 2}

    def owners(plan: Plan) -> dict[str, int]:
        parts = [plan.shard(at, 4) for at in range(4)]
        return {
            trial.identity(trial.reference, "v7", True): at for at, part in enumerate(parts) for trial in part
        }

    before, after = owners(Plan(**given)), owners(Plan(**{**given, **grown}))
    assert len(before.keys() & after.keys()) >= 10
    assert all(after[identity] == at for identity, at in before.items() if identity in after)


@pytest.mark.parametrize(
    ("songs", "prompts", "repeats", "parts", "least", "most"),
    [
        (5, 3, 8, 8, 15, 15),
        (10, 5, 4, 20, 9, 11),
        (10, 5, 4, 16, 12, 13),
        (10, 5, 4, 3, 66, 67),
        (12, 8, 3, 12, 24, 24),
        (2, 4, 3, 4, 6, 6),
        (1, 30, 1, 3, 10, 10),
        (2, 4, 3, 24, 0, 2),
    ],
)
def test_shards_are_of_about_one_size_however_many(
    songs: int, prompts: int, repeats: int, parts: int, least: int, most: int
) -> None:
    styles = [f"style {number}" for number in range(prompts)]
    plan = Plan([f"{number}.mp3" for number in range(songs)], styles, repeats=repeats)
    sizes = [len(plan.shard(at, parts)) for at in range(parts)]
    assert sum(sizes) == len(plan)
    assert least <= min(sizes)
    assert max(sizes) <= most


def test_the_parts_of_a_plan_are_the_plan() -> None:
    plan = Plan(SONGS, ["jazz", "rock", "ska"], repeats=3)
    parts = [plan.shard(at, 4) for at in range(4)]
    assert sorted(trial.number for part in parts for trial in part) == list(range(1, 19))
    assert sum(part.share for part in parts) == pytest.approx(1)
    assert {trial.reference for trial in parts[0]} == {"one", "two"}
    with pytest.raises(sv.ConfigurationError, match="is a part already"):
        plan.shard(1, 2).shard(0, 2)


@pytest.mark.parametrize("other", [{"x": 1.0}, {"x": 1, "y": [2.0]}])
def test_a_whole_number_is_the_same_whether_it_has_a_point_or_not(other: dict[str, Any]) -> None:
    given = {name: [2] if name == "y" else 1 for name in other}
    one, two = (Plan(SONGS[:1], ["jazz"], parameters=each).trials[0] for each in (given, other))
    assert one.identity("song", "v7", True) == two.identity("song", "v7", True)
    with pytest.raises(sv.ConfigurationError, match="are the same"):
        Plan(SONGS, ["jazz"], parameters=[given, other])


def test_whole_numbers_of_numpy_are_whole_numbers() -> None:
    plan = Plan(SONGS, ["jazz"], repeats=np.int64(2), seed=np.int32(3))
    assert (len(plan), plan.hash) == (4, Plan(SONGS, ["jazz"], repeats=2, seed=3).hash)
    with pytest.raises(sv.ConfigurationError, match="repeats= is a number"):
        Plan(SONGS, ["jazz"], repeats=np.bool_(True))


def test_1_and_true_are_two_levels() -> None:
    plan = Plan(SONGS[:1], ["jazz"], parameters=[{"x": 1}, {"x": True}])
    assert {json.dumps(trial.instructions.parameters) for trial in plan} == {'{"x": 1}', '{"x": true}'}
    assert len({trial.identity("song", "v7", True) for trial in plan}) == 2


def test_a_trial_is_the_same_whatever_its_levels_are_called() -> None:
    (one,) = Plan({"a": "one.mp3"}, {"x": "jazz"})
    (other,) = Plan({"b": "copy of one.mp3"}, {"y": "jazz"})
    assert one.identity("hash", "v7", False) == other.identity("hash", "v7", False)


@pytest.mark.parametrize(
    "changed",
    [
        {"content": "another"},
        {"service": "v8"},
        {"simulated": True},
    ],
)
def test_a_trial_is_another_with_other_content_or_another_service(changed: dict[str, Any]) -> None:
    (trial,) = Plan("one.mp3", "jazz")
    same: dict[str, Any] = {"content": "hash", "service": "v7", "simulated": False}
    assert trial.identity(**same) != trial.identity(**{**same, **changed})


def test_equal_plans_are_equal_and_hash_alike() -> None:
    plan = Plan(SONGS, ["jazz"], repeats=2)
    assert plan == Plan(SONGS, ["jazz"], repeats=2)
    assert hash(plan) == hash(Plan(SONGS, ["jazz"], repeats=2))
    assert plan != Plan(SONGS, ["jazz"], repeats=3)
    assert plan != plan.shard(0, 2)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"references": [], "prompts": "jazz"}, "references has no level"),
        ({"references": None, "prompts": "jazz"}, "needs songs"),
        ({"references": "a.mp3", "prompts": []}, "prompts has no level"),
        ({"references": "a.mp3", "prompts": ["jazz", "jazz"]}, "called 'jazz'"),
        ({"references": ["a/x.mp3", "b/x.mp3"], "prompts": "jazz"}, "called 'x'"),
        ({"references": "a.mp3", "prompts": {"one": "jazz", "two": "jazz"}}, "are the same"),
        ({"references": "a.mp3", "prompts": "a {mood} waltz"}, "slot {mood}, which has no values"),
        ({"references": "a.mp3", "prompts": "a {mood} waltz", "slots": {"mood": []}}, "has no level"),
        ({"references": "a.mp3", "prompts": "jazz", "slots": {"mood": ["sad"]}}, "No prompt has the slot"),
        ({"references": "a.mp3", "prompts": "a {0} waltz"}, "no plain name"),
        ({"references": "a.mp3", "prompts": "a {mood waltz"}, "no template"),
        ({"references": "a.mp3", "prompts": [3]}, "not a text"),
        ({"references": "a.mp3", "prompts": "  "}, "blank"),
        ({"references": "a.mp3", "parameters": [0.5], "prompts": "jazz"}, "not a mapping"),
        ({"references": "a.mp3", "prompts": "jazz", "repeats": 0}, "repeats=0"),
        ({"references": "a.mp3", "prompts": "jazz", "repeats": 2.5}, "repeats="),
        ({"references": "a.mp3", "prompts": "jazz", "excluded": [{"prompt": "jaz"}]}, "no level 'jaz'"),
        (
            {"references": "a.mp3", "prompts": "jazz", "excluded": [{"prompt": "jazz"}]},
            "everything is excluded",
        ),
        (
            {"references": "a.mp3", "prompts": "jazz", "extra": [{"prompt": "jazz"}]},
            "does not say its reference",
        ),
        ({"references": "a.mp3", "prompts": "jazz", "control": {"key": "C"}}, "does not vary"),
        ({"references": "a.mp3", "prompts": "jazz", "repeats": 200_000}, "more than a study can hold"),
    ],
)
def test_what_cannot_be_a_plan_is_a_sentence(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(sv.ConfigurationError) as raised:
        Plan(**arguments)
    assert said in str(raised.value)


def test_a_misspelt_level_is_told_the_nearest() -> None:
    with pytest.raises(sv.ConfigurationError, match="Did you mean 'jazz'"):
        Plan("a.mp3", "jazz", excluded=[{"prompt": "jaz"}])


def test_what_the_service_would_refuse_names_its_cell() -> None:
    with pytest.raises(sv.InvalidRequestError, match="Either prompt or lyrics"):
        Plan("a.mp3")


@pytest.mark.parametrize("repeats", [3, [({}, 2), ({"prompt": "jazz"}, 5)], [({"prompt": "jazz"}, 4)]])
def test_a_plan_is_the_same_when_it_is_made_of_its_description(repeats: Any) -> None:
    plan = Plan(["one.mp3", "two.mp3"], ["jazz", "a {mood} waltz"], None, [{"a": 1}, None], repeats, 7,
                slots={"mood": ["sad"]}, excluded=[{"reference": "two", "prompt": "jazz"}])  # fmt: skip
    described = json.loads(json.dumps({**plan.description(), "part": list(plan.part)}))
    again = Plan.from_description(described, {"one": "elsewhere/one.mp3", "two": "two.mp3"})
    assert again.hash == plan.hash
    assert [trial.factors for trial in again] == [trial.factors for trial in plan]
    shard = plan.shard(1, 3)
    described = json.loads(json.dumps({**shard.description(), "part": list(shard.part)}))
    again = Plan.from_description(described, {"one": "one.mp3", "two": "two.mp3"})
    assert again.hash == shard.hash
    assert len(again) == len(shard)


def test_a_shard_without_a_trial_shows_itself_and_costs_nothing() -> None:
    plan = Plan(["one.mp3"], ["jazz"])
    (part,) = [part for part in (plan.shard(at, 2, budget=1.0) for at in range(2)) if not len(part)]
    assert "Plan of 0 trials" in repr(part)
    assert "unknown" in part._repr_mimebundle_()["text/html"]
    assert part.budget == 0


@pytest.mark.parametrize("budget", [float("nan"), "3", -1, True, 1e12])
def test_what_is_no_amount_is_no_budget_of_a_shard(budget: Any) -> None:
    with pytest.raises(sv.ConfigurationError, match="is no amount of money"):
        Plan(SONGS, ["jazz"]).shard(0, 2, budget=budget)
    assert Plan(SONGS, ["jazz"]).shard(0, 2, budget=float("inf")).budget is None


def test_a_slip_in_slots_is_told_before_millions_of_cells_are_made() -> None:
    slots = {slot: [str(number) for number in range(3000)] for slot in "abc"}
    with pytest.raises(sv.ConfigurationError, match="More than 100,000 trials"):
        Plan("one.mp3", "{a} {b} {c}", slots=slots)
