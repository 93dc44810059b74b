"""A plan as a YAML file: what is read is what stands there, and what is wrong is told with its line."""

from __future__ import annotations

import io
import textwrap
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import soundverse_nb as sv
from soundverse_nb.study import plan_file, yaml_text
from soundverse_nb.study.plan import Plan
from soundverse_nb.study.plan_file import MOST_BYTES, plan_of_text, text_of_plan
from soundverse_nb.study.yaml_text import Places, read_yaml, value_of, write_yaml

# What some reader of YAML takes for something other than the text it is, or cannot hold without quotes.
NASTY = [
    "no", "No", "y", "yes", "on", "off", "true", "null", "~", "12:30", "1e3", "1_000", "0o7", "0x1F",
    "007", "1.5", ".inf", ".nan", "2020-01-01", "=", "<<", "a: b", "a:", "a #b", "#a", "- a", "? a",
    "{mood}", "[a]", "a]", "*a", "&a", "!a", "%a", "@a", "`a`", "'", '"', "\\", "|", ">", "---", "...",
    "a\tb", "\ta", " a", "a ", "a\nb", "a\n", "\na", "a\n\n", "a\n\n\nb", "a \nb", " a\nb", "a\n  b",
    "a\n\tb", "a\r\nb", "a\rb", "--- a\nb", "a\n---\nb", "a\n...\nb", "a\n# b", "%YAML 1.1\na",
    "a\x85b", "a\u2028b\nc", "\ufeffa", "\x00", "\x1b[31m", "\u0300a", "é", "\U0001f3b7 jazz", "\ufffe",
    "k: [a", "x" * 5000, "wort " * 300,
]  # fmt: skip


SONG = "references: one.mp3\n"
JAZZ = SONG + "prompts: jazz\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "plan.yaml"
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return path


def refusal(text: str) -> str:
    with pytest.raises(sv.SoundverseError) as raised:
        made(plan_of_text(textwrap.dedent(text), Path()))
    return str(raised.value)


def made(arguments: dict[str, Any]) -> Plan:
    return Plan(**{name: value for name, value in arguments.items() if name not in ("shard", "budget")})


def prompts(plan: Plan) -> set[str | None]:
    return {trial.instructions.prompt for trial in plan}


def test_a_file_that_somebody_wrote_is_a_plan(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        # Two songs, and how merry they get.
        references:
          - songs/one.mp3
          - https://songs.example.org/two.mp3
        prompts:
          waltz: a {mood} waltz   # a template
          jazz: upbeat jazz
        slots:
          mood: [sad, merry]
        lyrics:
          none:
          own: |
            La la la,
              la.
        parameters: [{strength: 0.5, steps: 20, loop: true}, {strength: 1}]
        repeats:
          - [{}, 2]
          - [{prompt: jazz, lyrics: none}, 3]
        excluded: [{mood: sad, reference: two}]
        control: {reference: one, prompt: jazz, lyrics: none, parameters: '{"strength": 1}'}
        control_every: 5
        seed: 7
        """,
    )
    plan = Plan.load(path)
    assert plan.references == {
        "one": str(tmp_path / "songs" / "one.mp3"),
        "two": "https://songs.example.org/two.mp3",
    }
    assert prompts(plan) == {"a sad waltz", "a merry waltz", "upbeat jazz"}
    assert plan.lyrics == {"none": None, "own": "La la la,\n  la.\n"}
    assert list(plan.parameters.values()) == [{"strength": 0.5, "steps": 20, "loop": True}, {"strength": 1}]
    assert (plan.seed, plan.control_every) == (7, 5)
    assert plan.repeats == [({}, 2), ({"prompt": "jazz", "lyrics": "none"}, 3)]
    assert sum(trial.is_control for trial in plan) > 0
    assert Plan.load(plan.save(tmp_path / "again.yaml")) == plan


@pytest.mark.parametrize("word", ["no", "12:30", "1e3", "~", "on", "2020-01-01", "0x1F", "1_000"])
def test_a_prompt_is_the_text_that_stands_there(word: str, tmp_path: Path) -> None:
    path = written(tmp_path, f"references: [one.mp3]\nprompts:\n  - {word}\n  - jazz\nlyrics: {word}\n")
    plan = Plan.load(path)
    assert prompts(plan) == {word, "jazz"}
    assert list(plan.lyrics.values()) == [word]
    assert Plan.load(plan.save(path)) == plan


@pytest.mark.parametrize("text", NASTY)
def test_any_text_comes_back_as_it_was(text: str) -> None:
    for value in ({"a": text}, {"a": [text, text]}, {"a": {"b": [{"c": text}]}}):
        assert value_of(read_yaml(write_yaml(value), Places("it")), Places("it")) == value  # type: ignore[arg-type]
    if text.isprintable():
        assert value_of(read_yaml(write_yaml({text: text}), Places("it")), Places("it")) == {text: text}  # type: ignore[arg-type]


_TEXTS = st.one_of(
    st.sampled_from(NASTY),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    st.text(st.sampled_from(" \n\t:#-'\"{}[]&*!|>%@`?,~\\ab1.é\u2028\x85"), max_size=12),
)
_NAMES = st.sampled_from(NASTY[:40])
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None)
@given(
    texts=st.lists(_TEXTS.filter(str.strip), min_size=1, max_size=4, unique=True),
    lyrics=_TEXTS.filter(str.strip),
    parameters=st.dictionaries(_NAMES, _JSON, max_size=3),
    count=st.integers(1, 3),
)
def test_any_plan_comes_back_equal(
    texts: list[str], lyrics: str, parameters: dict[str, Any], count: int
) -> None:
    escaped = [text.replace("{", "{{").replace("}", "}}") for text in texts]
    named = {f"{number} {NASTY[number]}": text for number, text in enumerate(escaped)}
    plan = Plan("one.mp3", named, {"own": lyrics, "none": None}, [parameters], count)
    text = text_of_plan(plan.description(), plan.references, Path())
    arguments = plan_of_text(text, Path())
    assert arguments.pop("shard") is None
    assert arguments.pop("budget") is None
    again = Plan(**arguments)
    assert again == plan
    assert [trial.instructions for trial in again] == [trial.instructions for trial in plan]


def test_a_text_of_several_lines_can_be_read_in_the_file() -> None:
    plan = Plan("one.mp3", None, {"song": "First line\nsecond: line\n\n  third\n"})
    text = text_of_plan(plan.description(), plan.references, Path())
    assert "song: |\n    First line\n    second: line\n\n      third\n" in text


def test_numbers_in_parameters_stay_numbers_and_texts_stay_texts() -> None:
    given = {"a": 1, "b": 1.0, "c": True, "d": None, "e": "1", "f": "true", "g": "", "h": 1e-7, "i": [1, "x"]}
    plan = Plan("one.mp3", "jazz", parameters=[given])
    read = plan_of_text(text_of_plan(plan.description(), plan.references, Path()), Path())
    (level,) = read["parameters"].values()
    assert level == given
    assert [type(value) for value in level.values()] == [type(value) for value in given.values()]


def test_a_part_of_a_plan_comes_back_as_that_part(tmp_path: Path) -> None:
    part = Plan(["one.mp3", "two.mp3"], ["jazz", "rock"], repeats=4).shard(1, 3)
    again = Plan.load(part.save(tmp_path / "part.yaml"))
    assert again == part
    assert [trial.number for trial in again] == [trial.number for trial in part]


def test_songs_below_the_file_move_with_it(tmp_path: Path) -> None:
    songs = [tmp_path / "study" / "songs" / "one.mp3", tmp_path / "elsewhere" / "two.mp3"]
    (tmp_path / "study").mkdir()
    Plan(songs, "jazz").save(tmp_path / "study" / "plan.yaml")
    (tmp_path / "study").rename(tmp_path / "moved")
    moved = Plan.load(tmp_path / "moved" / "plan.yaml").references
    assert Path(moved["one"]) == tmp_path / "moved" / "songs" / "one.mp3"
    assert Path(moved["two"]) == tmp_path / "elsewhere" / "two.mp3"


@pytest.mark.parametrize("name", ["~one.mp3", "no", "1e3", "a: b.mp3", "- a.mp3", "http:x.mp3", "é #1.mp3"])
def test_a_song_may_be_called_anything(name: str, tmp_path: Path) -> None:
    plan = Plan([tmp_path / name], "jazz")
    again = Plan.load(plan.save(tmp_path / "plan.yaml"))
    assert again == plan
    assert Path(*again.references.values()) == tmp_path / name


@pytest.mark.parametrize(
    ("song", "said"),
    [
        (b"RIFF", "was given as bytes"),
        (io.BytesIO(b"RIFF"), "was given as open file"),
        (([0.0] * 100, 44_100), "was given as samples"),
        ("https://songs.example.org/one.mp3?X-Amz-Signature=s3cret", "carries a signature"),
        ("https://songs.example.org/one.mp3?sig=s3cret", "carries a signature"),
        ("https://me:s3cret@songs.example.org/one.mp3", "carries a signature or a password"),
    ],
)
def test_what_no_file_should_hold_is_refused(song: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(sv.ConfigurationError) as raised:
        Plan({"song": song}, "jazz").save(tmp_path / "plan.yaml")
    assert said in str(raised.value)
    assert "s3cret" not in str(raised.value)
    assert not list(tmp_path.iterdir())


def test_a_url_with_a_harmless_query_is_kept_whole(tmp_path: Path) -> None:
    url = "https://songs.example.org/get?song=12"
    assert Plan.load(Plan({"song": url}, "jazz").save(tmp_path / "plan.yaml")).references == {"song": url}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: nothing is in this file"),
        ("# only this\n", "nothing is in this file"),
        ("[one.mp3]\n", "line 1: a plan is a mapping"),
        ("prompts: jazz\n", "names no songs"),
        (SONG + "promts: jazz\n", "line 2: a plan has no 'promts'. Nothing was paid. Did you mean 'prompts'"),
        (JAZZ + "prompts: rock\n", "line 3: 'prompts' is there already, on line 2"),
        (SONG + "prompts: {a: jazz, a: rock}\n", "line 2: 'a' is there already"),
        (SONG + "prompts:\n\t- jazz\n", "line 3: a tab where YAML wants blanks"),
        (SONG + "prompts:\n- jazz: fast\n", "line 3: a mapping where a level of prompts should be one"),
        (SONG + "prompts: jazz: fast\n", "line 2: mapping values are not allowed here"),
        (SONG + "prompts:\n- {mood} waltz\n", "line 3: expected"),
        (SONG + "prompts: [jazz\n", "line 3: "),
        (SONG + "prompts: 'jazz\n", "line 2: a quoted text that does not end"),
        (SONG + "prompts: *jazz\n", "line 2: the reference *jazz to another place"),
        (SONG + "prompts: &jazz x\n", "line 2: the reference &jazz"),
        (SONG + "prompts: !!python/object:os.system x\n", "line 2: the tag"),
        (SONG + "prompts: \x01\n", "line 2: U+0001 cannot stand"),
        (SONG + "prompts: null\n", "line 2: is prompts nothing, or the word 'null'?"),
        (SONG + "prompts: []\n", "line 2: The axis prompts has no level"),
        (SONG + "prompts: [jazz, '']\n", "line 2: "),
        (SONG + "prompts: a {mood} waltz\n", "line 2: A prompt has the slot {mood}, which has no"),
        (JAZZ + "slots: {mood: [sad]}\n", "line 3: No prompt has the slot"),
        (JAZZ + "slots: [sad]\n", "line 3: slots is a mapping"),
        (JAZZ + "parameters: {loop: yes}\n", "line 3: is yes true, or a text?"),
        (JAZZ + "parameters: 3\n", "line 3: "),
        (JAZZ + "parameters: {a: .nan}\nseed: x", "line 4: seed is no whole number"),
        (JAZZ + "parameters: {a: 1e999}\n", "line 3: 1e999 is more than a number can be"),
        (JAZZ + "repeats: 0\n", "line 3: repeats is no whole number of at least 1"),
        (JAZZ + "repeats: 1.5\n", "line 3: repeats is no whole number"),
        (JAZZ + "repeats:\n- 3\n", "line 4: repeats is a number, or a list of pairs"),
        (JAZZ + "repeats:\n- [{prompt: jaz}, 3]\n", "Did you mean 'jazz'?"),
        (JAZZ + "excluded: {prompt: jazz}\n", "line 3: excluded is a list of cells"),
        (JAZZ + "excluded: [jazz]\n", "line 3: excluded names a cell"),
        (JAZZ + "extra: [{song: one}]\n", "line 3: extra names the factor 'song'"),
        (JAZZ + "extra: [{prompt: jazz}]\n", "does not say its reference"),
        (JAZZ + "shard: 1\n", "line 3: shard names a part"),
        (JAZZ + "shard: {index: 4, of: 4}\n", "line 3: there is no part 4 of 4"),
        ("references: ['']\nprompts: jazz\n", "line 1: a level of references is empty"),
        ("references: {a: }\nprompts: jazz\n", "line 1: the level 'a' is empty"),
        (JAZZ + "---\nreferences: two.mp3\n", "line 4: a second document"),
        ("? [a]\n: b\n", "line 1: a list or a mapping cannot be a name"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, said: str) -> None:
    assert said in refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x]\nb: &b [*a, *a]\nreferences: [*b, *b]\n",
        "references: " + "[" * 5000 + "]" * 5000,
        "references: " + "{a: " * 5000,
        "- " * 5000,
        "references: " + "x" * 200_000,
        "!" * 90_000,
    ],
    ids=["aliases", "lists", "mappings", "dashes", "a long line", "a long tag"],
)
def test_a_hostile_file_is_refused_at_once(text: str) -> None:
    assert "line" in refusal(text)


def test_a_file_without_end_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_bytes(b"#" * (MOST_BYTES + 1))
    with pytest.raises(sv.ConfigurationError, match="larger than a plan may be"):
        Plan.load(path)


def test_more_values_than_can_be_read_soon_are_neither_read_nor_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"reference": "one.mp3", "prompt": f"style {number}", "repeats": 2} for number in range(50)]
    plan = Plan.from_frame(rows)
    path = plan.save(tmp_path / "plan.yaml")
    assert Plan.load(path) == plan
    for module in (plan_file, yaml_text):
        monkeypatch.setattr(module, "MOST_VALUES", 400)
    with pytest.raises(sv.ConfigurationError, match=r"line \d+: more than 400 values"):
        Plan.load(path)
    with pytest.raises(sv.ConfigurationError, match="larger than a file"):
        plan.save(tmp_path / "other.yaml")
    assert not (tmp_path / "other.yaml").exists()


def test_what_is_no_text_file_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_bytes(f"{SONG}prompts: jazz é\n".encode("latin-1"))
    with pytest.raises(sv.ConfigurationError, match="line 2: this is not UTF-8"):
        Plan.load(path)
    with pytest.raises(sv.ConfigurationError, match="is no file"):
        Plan.load(tmp_path)
    with pytest.raises(sv.ConfigurationError, match="cannot be read"):
        Plan.load(tmp_path / "none.yaml")
    with pytest.raises(sv.ConfigurationError, match="could not be written"):
        Plan("one.mp3", "jazz").save(tmp_path / "none" / "plan.yaml")


def test_a_file_from_windows_is_read(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_bytes(b"\xef\xbb\xbfreferences: one.mp3\r\nlyrics: |\r\n  la\r\n  li\r\n")
    assert list(Plan.load(path).lyrics.values()) == ["la\nli\n"]


def test_what_the_service_would_refuse_says_in_which_file(tmp_path: Path) -> None:
    path = written(tmp_path, "references: one.mp3\n")
    with pytest.raises(sv.InvalidRequestError, match=r"plan\.yaml: .*Either prompt or lyrics"):
        Plan.load(path)
