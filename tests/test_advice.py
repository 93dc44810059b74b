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
        (
            "Check the path, or give a client to begin one: sv.Study(path, client).",
            "Check the path; soundverse-nb sweep PLAN --study DIR begins one.",
        ),
        ("study.run() puts it back", "soundverse-nb sweep PLAN --study DIR puts it back"),
        ("study.resume() is called", "soundverse-nb study DIR resume is called"),
        ("Make room, and run the cell again: what", "Make room, and give the command again: what"),
        (
            "client.recover() and client.remixes() find them.",
            "soundverse-nb recover and soundverse-nb orders find them.",
        ),
        ('sv.merge(["shard-0", "shard-1"], "whole") does', "soundverse-nb study DIR merge OTHER ... does"),
        ("of X of the run before (budget= changes it)", "of X of the run before (--budget changes it)"),
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
