"""Sphinx's settings. `python -m tools.website` lays out what is built, and builds it."""

from __future__ import annotations

import inspect
import re
from typing import Any, get_type_hints

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.util.inspect import stringify_signature

import soundverse_nb
from tools.website.docstrings import as_rst
from tools.website.reference import home_of_words

project = "soundverse_nb"
author = "the soundverse_nb authors"
copyright = f"2026, {author}"
version = release = soundverse_nb.__version__
language = "en"

extensions = ["myst_nb", "sphinx.ext.autodoc"]
exclude_patterns = ["**.ipynb_checkpoints"]
suppress_warnings = ["mystnb.unknown_mime_type"]

# Notebooks come executed. Nothing is fetched by a page: no widgets' scripts, no formulas' fonts.
nb_execution_mode = "off"
nb_ipywidgets_js: dict[str, dict[str, str]] = {}
nb_merge_streams = True
nb_code_prompt_show = "Show this cell"
nb_code_prompt_hide = "Hide this cell"
# A page with a formula would look for this and be found out: there is none.
mathjax_path = "no-formulas.js"
myst_heading_anchors = 3
myst_enable_extensions = ["attrs_block", "deflist"]

autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_class_signature = "mixed"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 72
add_module_names = False
toc_object_entries_show_parents = "hide"
default_role = "word"
smartquotes = False  # a quote in a docstring is code: "quick", ""

html_theme = "pydata_sphinx_theme"
html_title = "soundverse_nb"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_center": [],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
# Pages without others beneath them have no list of others at their side.
html_sidebars = {page: [] for page in ("index", "start")}

# A word in backquotes: a name, of ours or not, with or without the brackets of a call.
_NAME = re.compile(r"(?:sv\.)?(?P<name>[A-Za-z_][\w.]*?)(?:\(\))?")
_OWN = home_of_words()


def word(
    _name: str, rawtext: str, text: str, _line: int, inliner: Any, *_: Any
) -> tuple[list[Any], list[Any]]:
    """Code; where it is a public word or a method of the class at hand, with a link to its page."""
    code = nodes.literal(rawtext, text, classes=["py"])
    found = _NAME.fullmatch(text)
    if found is None:
        return [code], []
    first, dot, rest = found["name"].partition(".")
    where = inliner.document.settings.env.ref_context
    link = pending_xref(
        "",
        code,
        refdomain="py",
        reftype="obj",
        reftarget=_OWN.get(first, first) + dot + rest,
        refwarn=False,
        **{key: where.get(key) for key in ("py:module", "py:class")},
    )
    return [link], []


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_role("word", word)
    app.connect("autodoc-process-docstring", _in_rst)
    app.connect("autodoc-process-signature", _without_fields)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _in_rst(_app: Sphinx, _kind: str, _name: str, _thing: Any, _options: Any, lines: list[str]) -> None:
    lines[:] = as_rst(lines)


def _without_fields(
    _app: Sphinx, kind: str, _name: str, thing: Any, _options: Any, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """No signature for what nobody makes: a value's fields are explained in its text, errors are alike."""
    text = inspect.getdoc(thing) or ""
    is_one_of_many = kind == "exception" and thing.__mro__[1] is not Exception
    if is_one_of_many or (kind == "class" and "\nAttributes\n---" in text):
        return "", returns
    if kind == "class" and hasattr(thing, "model_fields") and "\nParameters\n---" not in text:
        return _fields(thing), returns
    # Sphinx reads the signature again, as Python.
    return signature and signature.replace("<factory>", "..."), returns


def _fields(model: Any) -> str:
    """The fields of a model by their names and plain types: pydantic's own signature has neither."""
    kinds = get_type_hints(model)
    fields = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=kinds[name])
        for name in model.model_fields
    ]
    return stringify_signature(inspect.Signature(fields), unqualified_typehints=True)
