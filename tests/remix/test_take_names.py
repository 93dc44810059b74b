"""Takes are told apart by song and prompt, in titles and in names of files."""

from __future__ import annotations

import pickle

import pytest

from soundverse_nb.remix.take_names import (
    Asked,
    TakeTitle,
    asked_for,
    file_name,
    song_name,
    take_titles,
    told_apart,
)


def test_a_title_names_the_song_and_the_prompt() -> None:
    assert take_titles([Asked("one", "jazz"), Asked("two", "jazz")]) == ["one · jazz", "two · jazz"]


def test_takes_without_a_prompt_are_named_by_the_first_line_of_the_lyrics() -> None:
    assert take_titles([Asked("one", None, "Oh my\nsecond line")]) == ["one · Oh my"]


def test_songs_of_one_name_are_told_apart_by_their_folders() -> None:
    asked = [asked_for("rock/take.mp3"), asked_for("folk/take.mp3")]
    assert take_titles(asked) == ["rock/take", "folk/take"]


def test_one_prompt_with_other_parameters_says_what_differs() -> None:
    asked = [Asked("one", "jazz", None, {"tempo": tempo, "key": "C"}) for tempo in (90, 120)]
    assert take_titles(asked) == ["one · jazz, tempo=90", "one · jazz, tempo=120"]


def test_one_prompt_with_other_lyrics_says_what_differs() -> None:
    asked = [Asked("one", "jazz", lyrics) for lyrics in ("la", "ba", None)]
    assert take_titles(asked) == ["one · jazz, “la”", "one · jazz, “ba”", "one · jazz"]


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ([("one", "jazz"), ("one", "dub")], ["jazz", "dub"]),
        ([("one", "jazz"), ("two", "jazz")], ["one", "two"]),
        ([("one", "jazz"), ("two", "dub")], ["one · jazz", "two · dub"]),
        ([("one", "jazz"), ("one", "jazz")], ["jazz #1", "jazz #2"]),
        ([("one", "jazz"), ("one", None)], ["one · jazz", "one"]),
        ([("one", "jazz")], ["jazz"]),
        ([], []),
    ],
)
def test_what_all_takes_have_in_common_is_left_out_where_there_is_little_room(
    asked: list[tuple[str, str | None]], names: list[str]
) -> None:
    assert told_apart(take_titles([Asked(*each) for each in asked])) == names


def test_repeats_are_numbered() -> None:
    asked = [Asked("one", "jazz"), Asked("one", "dub"), Asked("one", "jazz")]
    assert take_titles(asked) == ["one · jazz #1", "one · dub", "one · jazz #2"]


def test_a_title_survives_pickling_with_both_halves() -> None:
    title = pickle.loads(pickle.dumps(TakeTitle("one", "jazz")))
    assert (title, title.song, title.words) == ("one · jazz", "one", "jazz")


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("songs/My Tune.mp3", "My Tune"),
        ("C:\\songs\\My Tune.mp3", "My Tune"),
        ("https://songs.example.com/a/My%20Tune.mp3?X-Signature=secret", "My Tune"),
        ("Mr. Blue", "Mr. Blue"),
        (".mp3", ".mp3"),
    ],
)
def test_a_song_is_called_by_its_file_without_folder_and_ending(place: str, name: str) -> None:
    assert song_name(place) == name


def test_what_was_asked_keeps_no_signature() -> None:
    assert "secret" not in repr(asked_for("https://songs.example.com/a.mp3?X-Signature=secret"))


@pytest.mark.parametrize(
    ("song", "prompt", "name"),
    [
        ("one", "jazz", "one - jazz - 1.mp3"),
        ('a/b:c*?"<>|\\', "what? | now", "a b c - what now - 1.mp3"),
        ("con.x", "jazz", "_con.x - jazz - 1.mp3"),
        ("..hidden", "jazz...", "hidden - jazz - 1.mp3"),
        ("e\u0301toile", "jazz\x1b[31m\n", "\u00e9toile - jazz [31m - 1.mp3"),
        ("", "", "1.mp3"),
    ],
)
def test_a_files_name_is_safe_on_every_file_system(song: str, prompt: str, name: str) -> None:
    assert file_name(Asked(song, prompt), 1, ".mp3") == name


def test_a_files_name_stays_short_in_bytes_and_whole_in_characters() -> None:
    name = file_name(Asked("ü" * 300, "🎷" * 300), 12, ".mp3")
    assert len(name.encode()) <= 143
    assert name.endswith("🎷 - 12.mp3")
