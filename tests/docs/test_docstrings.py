"""Docstrings become pages: lists, examples and code come through, whatever signs are in them."""

from __future__ import annotations

from textwrap import dedent

from tools.website.docstrings import as_rst


def rst(docstring: str) -> str:
    return "\n".join(as_rst(dedent(docstring).strip().splitlines()))


def test_a_list_of_parameters_has_a_definition_for_each_line_of_names() -> None:
    text = rst("""
        One line.

        Parameters
        ----------
        source : a path, or
            samples: any.
        host, port : where to listen.
    """)
    first = ":Parameters:\n\n    ``source``\n        a path, or\n        samples: any.\n"
    assert f"{first}\n    ``host``, ``port``\n        where to listen.\n" in text
    assert "----" not in text


def test_text_is_no_markup_and_code_stays_as_it_is() -> None:
    assert rst("two ** two, a_ and `a_ * b`") == "two \\*\\* two, a\\_ and `a_ * b`\n"


def test_an_example_and_a_table_are_left_alone() -> None:
    example = ">>> print(*steps_)\n1 | 2"
    assert rst(example) == example + "\n"
    table = "=====  =====\n`a_`   *b*\n=====  ====="
    assert rst(table) == table + "\n"


def test_indented_lines_after_a_colon_are_code() -> None:
    text = rst("""
        Two lines:

            client = sv.Client(**settings)
    """)
    assert ".. code-block:: python\n\n    client = sv.Client(**settings)\n" in text
