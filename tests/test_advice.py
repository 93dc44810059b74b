"""People in a shell are told commands, people in Python calls."""

from __future__ import annotations

import pytest

from soundverse_nb.advice import for_reader, shell_reader


@pytest.mark.parametrize(
    ("call", "command"),
    [
        ("`await client.recover()` picks it up", "`soundverse-nb recover` picks it up"),
        ("fetch it again with client.recover(), also from a new kernel.", None),
        ("see client.orders().", "see soundverse-nb orders."),
        (r"sv.repair('it\'s a.wav') writes", """soundverse-nb repair 'it'"'"'s a.wav' writes"""),
        ('sv.repair("a b.wav") and (more)', "soundverse-nb repair 'a b.wav' and (more)"),
        ("segment that fits; start= picks another.", "segment that fits; --start picks another."),
        ("start=400 is not inside the song", "--start 400 is not inside the song"),
        ("another start= and duration=.", "another --start and --duration."),
        ("https://example.com/a?start=4", "https://example.com/a?start=4"),
        ("Run sv.preflight(reference) to see why", "Run soundverse-nb preflight SONG to see why"),
        ('a bucket: sv.Client(host="s3://my-bucket/remixes").', 'a bucket: SOUNDVERSE_HOST="s3://my-bucket/remixes".'),
        (
            "client.remixes(prompt='a (b)', reference='/x/y.mp3')[-1] opens it. It is ordered",
            "soundverse-nb orders says where it is. It is ordered",
        ),
    ],
)  # fmt: skip
def test_a_call_is_named_by_its_command_in_a_shell(call: str, command: str | None) -> None:
    assert for_reader(call) == call
    with shell_reader():
        if command is None:
            assert for_reader(call) == "fetch it again with soundverse-nb recover, also later."
        else:
            assert for_reader(call) == command
    assert for_reader(call) == call
