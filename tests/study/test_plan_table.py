"""A plan as a table: each row is a cell, nothing else is ordered, and what is odd in a row is told."""

from __future__ import annotations

import math
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import soundverse_nb as sv
from soundverse_nb.study.plan import Plan
from soundverse_nb.study.unpacking import open_archive


def asked(plan: Plan) -> Counter[tuple[str, str | None]]:
    return Counter((trial.reference, trial.instructions.prompt) for trial in plan)


def test_only_the_rows_are_ordered() -> None:
    plan = Plan.from_frame(
        [
            {"reference": "one.mp3", "prompt": "jazz"},
            {"reference": "two.mp3", "prompt": "rock", "repeats": 3},
            {"reference": "two.mp3", "prompt": "jazz"},
        ]
    )
    assert asked(plan) == {("one", "jazz"): 1, ("two", "rock"): 3, ("two", "jazz"): 1}


def test_a_data_frame_is_taken_with_its_types() -> None:
    import pandas as pd

    frame = pd.DataFrame(
        {
            "reference": ["one.mp3", "two.mp3", "two.mp3"],
            "prompt": ["a {bpm} bpm waltz", "jazz", None],
            "bpm": [90, None, None],
            "lyrics": [None, None, "la la"],
            "parameter.strength": [0.5, 1.0, math.nan],
            "parameter.loop": [True, None, None],
            "repeats": [2, 1, 1],
        }
    )
    sent = {trial.instructions.model_dump_json() for trial in Plan.from_frame(frame)}
    assert sent == {
        '{"prompt":"a 90 bpm waltz","lyrics":null,"parameters":{"strength":0.5,"loop":true}}',
        '{"prompt":"jazz","lyrics":null,"parameters":{"strength":1.0}}',
        '{"prompt":null,"lyrics":"la la","parameters":null}',
    }


def test_a_column_of_whole_numbers_orders_the_same_once_its_gap_is_filled() -> None:
    import pandas as pd

    def first(steps: list[Any]) -> tuple[str, str]:
        frame = pd.DataFrame({"reference": ["one.mp3"] * 2, "prompt": ["a", "b"], "parameter.steps": steps})
        trial = next(trial for trial in Plan.from_frame(frame) if trial.factors["prompt"] == "a")
        return trial.identity("song", "v7", True), trial.instructions.model_dump_json()

    assert first([4, None]) == first([4, 8])


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_csv_of_any_spreadsheet_is_read(delimiter: str, tmp_path: Path) -> None:
    lines = [
        ["reference", "prompt", "mood", "parameters", "repeats"],
        ["songs/one.mp3", '"a {mood} waltz, or; so|on"', "sad", '"{""strength"": 0.5}"', "2"],
        ["", "", "", "", ""],
        ["https://songs.example.org/two.mp3", "no", "", "", ""],
    ]
    path = tmp_path / "plan.csv"
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(delimiter.join(line) for line in lines).encode())
    plan = Plan.from_frame(path)
    assert asked(plan) == {("one", "a sad waltz, or; so|on"): 2, ("two", "no"): 1}
    assert plan.references["one"] == str(tmp_path / "songs" / "one.mp3")
    assert [dict(level) for level in plan.parameters.values() if level] == [{"strength": 0.5}]


def test_a_field_of_a_parameter_is_the_number_it_spells(tmp_path: Path) -> None:
    path = tmp_path / "plan.csv"
    path.write_text(
        "reference,prompt,parameter.steps,parameter.loop,parameter.style,parameter.tag\n"
        'one.mp3,jazz,20,true,soft,"""20"""\none.mp3,rock,,,NaN,\n'
    )
    sent = [trial.instructions.parameters for trial in Plan.from_frame(path)]
    assert {"steps": 20, "loop": True, "style": "soft", "tag": "20"} in sent
    assert {"style": "NaN"} in sent


def test_texts_that_begin_alike_are_told_apart() -> None:
    long = "la " * 60
    plan = Plan.from_frame([{"reference": "one.mp3", "lyrics": long + end} for end in ("a", "b")])
    assert len(plan.lyrics) == 2
    other = Plan.from_frame([{"reference": f"{folder}/x.mp3", "prompt": "jazz"} for folder in "ab"])
    assert list(other.references) == ["x", "x #2"]


def test_a_table_that_was_saved_as_a_file_comes_back(tmp_path: Path) -> None:
    rows = [{"reference": f"{n % 3}.mp3", "prompt": f"style {n}", "repeats": 1 + n % 2} for n in range(12)]
    plan = Plan.from_frame(rows, seed=3)
    assert Plan.load(plan.save(tmp_path / "plan.yaml")) == plan


def test_a_large_table_does_not_meet_every_level_with_every_other() -> None:
    rows = [
        {"reference": f"{n}.mp3", "prompt": f"style {n}", "lyrics": f"line {n}", "repeats": 1 + n % 2}
        for n in range(400)
    ]
    assert len(Plan.from_frame(rows)) == 600


ROW = {"reference": "one.mp3", "prompt": "jazz"}


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ([], "no row"),
        ([{"prompt": "jazz"}], "no column 'reference'"),
        ([{"refrence": "one.mp3", "prompt": "jazz"}], "Is 'refrence' meant for it?"),
        ([{**ROW, "promt": "x"}], "Did you mean 'prompt'?"),
        ([{**ROW, "prompt": "a {mood} waltz", "mod": "sad"}], "Did you mean 'mood'?"),
        ([{**ROW, "prompt": "a {mood} waltz"}], "Row 1: the prompt has the slot {mood}"),
        ([ROW, ROW], "rows 1 and 2 ask for the same remix"),
        ([{**ROW, "reference": " "}], "Row 1 names no reference"),
        ([ROW, {**ROW, "prompt": 3}], "Row 2: prompt is int"),
        ([{**ROW, "repeats": 0}], "Row 1: repeats is '0'"),
        ([{**ROW, "repeats": 1.5}], "Row 1: repeats is '1.5'"),
        ([{**ROW, "repeats": "many"}], "Row 1: repeats is 'many'"),
        ([{**ROW, "repeats": True}], "Row 1: repeats is 'True'"),
        ([{**ROW, "parameters": "{strength"}], "Row 1: parameters is no JSON object"),
        ([{**ROW, "parameters": "[1]"}], "Row 1: parameters is no JSON object"),
        ([{**ROW, "parameters": {"a": 1}, "parameter.a": 2}], "'a' is in parameters and has a column"),
        ([{"reference": "one.mp3"}], "Either prompt or lyrics"),
        (["one.mp3"], "not str"),
        (7, "A int is no table"),
    ],
)
def test_what_cannot_be_a_plan_names_its_row(table: Any, said: str) -> None:
    with pytest.raises(sv.SoundverseError) as raised:
        Plan.from_frame(table)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no column 'reference'"),
        (b"song,prompt\none.mp3,jazz\n", "no column 'reference'"),
        (b"reference,prompt,prompt\n", "two columns are called 'prompt'"),
        (b"reference,prompt\none.mp3,fast, merry jazz\n", "row 1: 3 fields under 2 headings"),
        (b"reference,prompt\none.mp3,\xe9\n", "not UTF-8"),
        ("reference,prompt\n".encode("utf-16"), "not UTF-8"),
        (b"reference,prompt\n", "no row"),
        (b'reference,prompt\none.mp3,"' + b"x" * 140_000 + b'"\n', "no CSV"),
    ],
)
def test_what_is_no_csv_is_a_sentence(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.csv"
    path.write_bytes(content)
    with pytest.raises(sv.ConfigurationError, match=said):
        Plan.from_frame(path)


def test_a_table_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(sv.ConfigurationError, match="cannot be read"):
        Plan.from_frame(tmp_path / "plan.csv")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for read in (Plan.from_frame, Plan.load, lambda path: open_archive(path, tmp_path / "study")):
        with pytest.raises(sv.ConfigurationError, match="is no file"):
            read(tmp_path / "pipe")
