"""The decoder against the standard: WHATWG HTML, 9.2.6 "Interpreting an event stream"."""

from __future__ import annotations

import random
import tracemalloc
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundverse_nb.api.sse import EventStreamDecoder, OversizeEvent, ServerEvent

LONG = "x" * 2000


@dataclass(frozen=True)
class Case:
    """One rule: bytes in, (event, data, id) out, and the reconnection time afterwards."""

    name: str
    stream: bytes
    events: list[tuple[str, str, str]]
    retry: int | None = None


def message(data: str, id_: str = "") -> tuple[str, str, str]:
    return ("message", data, id_)


CASES = [
    Case("nothing_is_no_event", b"", []),
    Case("one_data_line_is_one_message", b"data: one\n\n", [message("one")]),
    Case("events_are_separated_by_blank_lines", b"data: a\n\ndata: b\n\n", [message("a"), message("b")]),
    Case("further_blank_lines_mean_nothing", b"\n\n\ndata: a\n\n\n\n", [message("a")]),
    # Line ends
    Case("a_line_ends_with_lf", b"data: a\ndata: b\n\n", [message("a\nb")]),
    Case("a_line_ends_with_cr", b"data: a\rdata: b\r\r", [message("a\nb")]),
    Case("a_line_ends_with_crlf", b"data: a\r\ndata: b\r\n\r\n", [message("a\nb")]),
    Case("line_ends_may_be_mixed", b"data:test\r\ndata\ndata:test\r\n\r", [message("test\n\ntest")]),
    Case("lf_after_cr_is_no_second_line_end", b"data: a\r\ndata: b\n\r\n", [message("a\nb")]),
    Case("lf_cr_is_two_line_ends", b"data: a\n\rdata: b\n\n", [message("a"), message("b")]),
    Case("cr_cr_lf_is_two_line_ends", b"data: a\r\r\ndata: b\n\n", [message("a"), message("b")]),
    Case(
        "vertical_tab_and_line_separator_end_no_line",
        "data: a\x0bb\u2028c\x85d\x0ce\n\n".encode(),
        [message("a\x0bb\u2028c\x85d\x0ce")],
    ),
    # Byte-order mark
    Case("a_leading_bom_is_dropped", b"\xef\xbb\xbfdata: 1\n\n", [message("1")]),
    Case("only_the_first_bom_is_dropped", b"\xef\xbb\xbf\xef\xbb\xbfdata: 1\n\ndata: 2\n\n", [message("2")]),
    Case(
        "a_bom_later_on_is_part_of_the_name",
        b"\xef\xbb\xbfdata:1\n\n\xef\xbb\xbfdata:2\n\ndata:3\n\n",
        [message("1"), message("3")],
    ),
    Case("half_a_bom_is_text", b"\xef\xbbdata: 1\n\ndata: 2\n\n", [message("2")]),
    Case("a_bom_in_data_stays", b"data: \xef\xbb\xbf1\n\n", [message("\ufeff1")]),
    # Comments
    Case("a_line_that_begins_with_a_colon_is_a_comment", b": ping\n\ndata: 1\n\n", [message("1")]),
    Case(
        "comments_do_not_split_an_event",
        f"data:1\r:\0\n:\r\ndata:2\n:{LONG}\rdata:3\n:data:fail\r:{LONG}\ndata:4\n\n".encode(),
        [message("1\n2\n3\n4")],
    ),
    Case(
        "a_comment_block_between_events_is_nothing",
        b"data: a\n\n:\n\n: x\n\ndata: b\n\n",
        [message("a"), message("b")],
    ),
    # Data
    Case("data_lines_are_joined_by_lf", b"data: {\ndata: }\n\n", [message("{\n}")]),
    Case(
        "a_data_line_without_colon_is_an_empty_one", b"data\n\ndata\ndata\n\n", [message(""), message("\n")]
    ),
    Case("an_empty_data_line_is_an_event", b"data:\n\ndata: \n\n", [message(""), message("")]),
    Case("one_space_after_the_colon_is_dropped", b"data: a\n\ndata:a\n\n", [message("a"), message("a")]),
    Case("only_one_space_is_dropped", b"data:  a \n\n", [message(" a ")]),
    Case("a_tab_is_not_dropped", b"data:\ttest\rdata: \ndata:test\n\n", [message("\ttest\n\ntest")]),
    Case("colons_in_data_stay", b'data: {"a": "b:c"}\n\n', [message('{"a": "b:c"}')]),
    Case("data_may_hold_the_text_of_a_field", b"data: data: a\n\n", [message("data: a")]),
    Case("nul_in_data_stays", b"data:\0\n\n\n\n", [message("\0")]),
    # Field names
    Case(
        "an_unknown_field_is_ignored",
        b"data:test\n data\ndata\nfoobar:xxx\njusttext\n:comment\n\n",
        [message("test\n")],
    ),
    Case(
        "field_names_are_exact",
        b"data:\0\n data:2\rData:1\ndata\0:2\ndata:1\r\0data:4\nda-ta:3\rdata_5\ndata:3\rdata:\r\n data:32\n"
        b"data:4\n\n",
        [message("\0\n1\n3\n\n4")],
    ),
    Case("a_name_ends_at_its_colon_and_not_at_a_space", b"data : a\n\n", []),
    # Event type
    Case("event_names_the_type", b"event: progress\ndata: 1\n\n", [("progress", "1", "")]),
    Case("the_type_is_for_one_event", b"event:test\ndata:x\n\ndata:x\n\n", [("test", "x", ""), message("x")]),
    Case("the_last_event_line_counts", b"event: a\nevent: b\ndata: 1\n\n", [("b", "1", "")]),
    Case("an_empty_type_is_message", b"event: \ndata: 1\n\n", [message("1")]),
    Case("the_type_may_follow_the_data", b"data: 1\nevent: a\n\n", [("a", "1", "")]),
    Case("an_event_without_data_is_none", b"event: a\n\ndata: 1\n\n", [message("1")]),
    # Id
    Case(
        "an_id_stays_until_the_next",
        b"id: 1\ndata: a\n\ndata: b\n\nid: 2\ndata: c\n\n",
        [message("a", "1"), message("b", "1"), message("c", "2")],
    ),
    Case("an_empty_id_clears_it", b"id: 1\ndata: a\n\nid\ndata: b\n\n", [message("a", "1"), message("b")]),
    Case(
        "an_id_with_nul_is_ignored",
        b"id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n",
        [message("a", "1"), message("b", "1")],
    ),
    Case("an_id_counts_without_data", b"id: 7\n\ndata: a\n\n", [message("a", "7")]),
    Case("an_id_keeps_its_inner_spaces", b"id:  a b\ndata: 1\n\n", [message("1", " a b")]),
    # Retry
    Case("retry_sets_the_reconnection_time", b"retry: 3000\n\n", [], 3000),
    Case("retry_takes_digits_only", b"retry:3000\nretry:1000x\nretry:-1\nretry: 1.5\nretry:+1\n\n", [], 3000),
    Case("retry_takes_ascii_digits_only", "retry: \u0663\n\n".encode(), []),
    Case("an_empty_retry_is_ignored", b"retry: 5\nretry\nretry:\n\n", [], 5),
    Case("retry_takes_one_space_only", b"retry:  7\n\n", []),
    Case("an_absurd_retry_is_ignored", b"retry: " + b"9" * 5000 + b"\n\n", []),
    # The end of the stream
    Case("an_unterminated_event_is_discarded", b"data: a\n\ndata: b\n", [message("a")]),
    Case("an_unterminated_line_is_discarded", b"data: a\n\ndata: b", [message("a")]),
    Case(
        "fields_of_a_discarded_event_do_not_show", b"retry:1000\ndata:a\n\nid:9\ndata:b", [message("a")], 1000
    ),
    # Text
    Case("utf8_is_read", "data: ok…\U0001f3b5\n\n".encode(), [message("ok…\U0001f3b5")]),
    Case("invalid_utf8_is_replaced", b"data: a\xffb\xc3(\n\n", [message("a\ufffdb\ufffd(")]),
    Case(
        "a_character_cut_by_a_line_end_is_replaced",
        b"data: \xe2\x82\n\ndata: b\n\n",
        [message("\ufffd"), message("b")],
    ),
    Case(
        "invalid_utf8_in_type_and_id_is_replaced",
        b"event: \xff\nid: \xfe\ndata: a\n\n",
        [("\ufffd", "a", "\ufffd")],
    ),
]


def decoded(stream: bytes, cuts: list[int]) -> tuple[list[tuple[str, str, str]], int | None]:
    decoder = EventStreamDecoder()
    events: list[ServerEvent] = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        events += decoder.feed(stream[start:end])
    return [tuple(event) for event in events], decoder.retry


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_in_one_piece(case: Case) -> None:
    assert decoded(case.stream, []) == (case.events, case.retry)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_byte_by_byte(case: Case) -> None:
    assert decoded(case.stream, list(range(1, len(case.stream)))) == (case.events, case.retry)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_cut_anywhere(case: Case) -> None:
    chance = random.Random(case.name)
    for _ in range(50):
        cuts = sorted(chance.choices(range(len(case.stream) + 1), k=chance.randint(1, 6)))
        assert decoded(case.stream, cuts) == (case.events, case.retry)


def interpreted(stream: bytes) -> tuple[list[tuple[str, str, str]], int | None]:
    """The standard's algorithm, step by step and slow: what the decoder is held against."""
    text = (
        stream.decode("utf-8-sig", "replace")
        if stream[:3] == b"\xef\xbb\xbf"
        else stream.decode("utf-8", "replace")
    )
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")[:-1]
    events, retry = [], None
    data, kind, last_id = "", "", ""
    for line in lines:
        if line == "":
            if data:
                events.append((kind or "message", data.removesuffix("\n"), last_id))
            data = kind = ""
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            kind = value
        elif name == "data":
            data += value + "\n"
        elif name == "id" and "\0" not in value:
            last_id = value
        elif name == "retry" and value.isascii() and value.isdigit() and len(value) <= 18:
            retry = int(value)
    return events, retry


PIECES = st.sampled_from(
    [
        b"data",
        b"event",
        b"id",
        b"retry",
        b":",
        b": ",
        b" ",
        b"\n",
        b"\r",
        b"\r\n",
        b"\n\n",
        b"7",
        b"a",
        b"\0",
        b"\xef\xbb\xbf",
        b"\xef",
        b"\xbb",
        b"\xff",
        "é".encode(),
        b"data: x\n\n",
        b"data: y\n",
    ]
)


@settings(max_examples=300, deadline=None)
@given(pieces=st.lists(PIECES, max_size=40), chance=st.randoms(use_true_random=False))
def test_any_bytes_in_any_pieces_read_as_the_standard_says(
    pieces: list[bytes], chance: random.Random
) -> None:
    stream = b"".join(pieces)
    cuts = sorted(chance.choices(range(len(stream) + 1), k=chance.randint(0, 8)))
    assert decoded(stream, cuts) == interpreted(stream)


def test_an_event_comes_with_the_byte_that_ends_it() -> None:
    """A reader that waits for the LF of a CRLF would hold back the last event of a silent stream."""
    decoder = EventStreamDecoder()
    assert decoder.feed(b"data: a\r\n\r") == [("message", "a", "")]
    assert decoder.feed(b"\ndata: b\n\n") == [("message", "b", "")]


def test_the_last_id_and_retry_are_readable() -> None:
    decoder = EventStreamDecoder()
    decoder.feed(b"id: 5\nretry: 10\ndata: a\n\n")
    assert (decoder.last_event_id, decoder.retry) == ("5", 10)


def oversize(stream: bytes, cuts: list[int], cap: int) -> tuple[list[str], list[OversizeEvent]]:
    decoder = EventStreamDecoder(max_event_bytes=cap)
    texts: list[str] = []
    skipped: list[OversizeEvent] = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        texts += [event.data for event in decoder.feed(stream[start:end])]
        skipped += decoder.skipped
    return texts, skipped


OVERSIZE = {
    "one_long_line": b"data: a\n\ndata: " + b"x" * 200 + b"\n\ndata: b\n\n",
    "many_short_lines": b"data: a\n\n" + b"data: " + b"x" * 14 + b"\n" + b"data: y\n" * 24 + b"\ndata: b\n\n",
    "long_line_without_space": b"data: a\n\ndata:" + b"x" * 200 + b"\r\n\r\ndata: b\n\n",
    "with_fields_around": b"data: a\n\nevent: e\ndata: " + b"x" * 200 + b"\nfoo: bar\n\ndata: b\n\n",
    "followed_by_a_long_comment": b"data: a\n\ndata: "
    + b"x" * 200
    + b"\n:"
    + b"y" * 300
    + b"\n\ndata: b\n\n",
}


@pytest.mark.parametrize("stream", OVERSIZE.values(), ids=OVERSIZE)
def test_an_oversize_event_is_reported_and_the_next_one_decoded(stream: bytes) -> None:
    whole = oversize(stream, [], 100)
    assert whole[0] == ["a", "b"]
    assert len(whole[1]) == 1
    assert whole[1][0].size > 180
    assert whole[1][0].head.startswith("x" * 14)
    assert oversize(stream, list(range(1, len(stream))), 100) == whole
    chance = random.Random(1)
    for _ in range(50):
        assert oversize(stream, sorted(chance.choices(range(len(stream) + 1), k=4)), 100) == whole


@pytest.mark.parametrize("line", [b":" + b"c" * 500, b"id: " + b"9" * 500, b"foo: " + b"z" * 500])
@pytest.mark.parametrize("step", [1, 7, 1000])
def test_a_long_line_that_is_not_data_costs_no_event(line: bytes, step: int) -> None:
    stream = b"data: a\n" + line + b"\ndata: b\n\n"
    assert oversize(stream, list(range(step, len(stream), step)), 100) == (["a\nb"], [])


def test_an_event_of_exactly_the_cap_is_kept() -> None:
    line = b"data: " + b"x" * 94
    assert oversize(line + b"\n\n", [], 100) == (["x" * 94], [])
    assert oversize(line + b"x\n\n", [], 100)[1][0].size == 101


def test_the_report_of_an_oversize_event_is_gone_with_the_next_feed() -> None:
    decoder = EventStreamDecoder(max_event_bytes=10)
    decoder.feed(b"data: " + b"x" * 20 + b"\n\n")
    assert len(decoder.skipped) == 1
    decoder.feed(b"data: a\n\n")
    assert decoder.skipped == []


@pytest.mark.parametrize("endless", [b"data: x", b"data: xxxxxxx\n", b":", b"xxxxxxxx"])
def test_an_endless_event_takes_no_more_memory_than_the_cap(endless: bytes) -> None:
    decoder = EventStreamDecoder(max_event_bytes=1 << 16)
    block = endless * (4096 // len(endless))
    decoder.feed(b"data: ")
    tracemalloc.start()
    try:
        for _ in range(500):
            assert decoder.feed(block) == []
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 * (1 << 16)
    assert decoder.feed(b"\n\ndata: b\n\n")[-1].data == "b"
