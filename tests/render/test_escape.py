from __future__ import annotations

import pytest

from soundverse_nb.render.escape import plain, text


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("\"' onload=x", "&#34;&#39; onload=x"),
        ("a & b", "a &amp; b"),
        (None, "None"),
        ("日本 🎺", "日本 🎺"),
    ],
)
def test_markup_becomes_text(hostile: object, shown: str) -> None:
    assert text(hostile) == shown


def test_terminal_escapes_and_line_breaks_are_taken_out() -> None:
    assert plain("a\x1b[31mred\x07\r\nb\x9b1m") == "a [31mred b 1m"


def test_right_to_left_overrides_cannot_disguise_a_name() -> None:
    assert "\u202e" not in plain("song\u202e3pm.exe")


def test_a_file_name_that_is_not_utf8_can_be_sent_as_utf8() -> None:
    assert plain("caf\udce9.mp3").encode("utf-8") == b"caf?.mp3"


def test_a_megabyte_of_title_is_cut() -> None:
    assert len(plain("x" * 1_000_000)) == 300
    assert plain("x" * 1_000_000).endswith("…")
    assert len(text("<" * 1_000_000)) <= 300 * len("&lt;")
