"""The plots of a report as SVG that is readable on a light and on a dark page, and asks for nothing."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from soundverse_nb.errors import ConfigurationError, import_extra
from soundverse_nb.render.gallery import NumberColumn
from soundverse_nb.render.report import Figure
from soundverse_nb.study.plot import plot_metric
from soundverse_nb.study.summary import Summary
from soundverse_nb.study.timeline import plot_timeline

_WIDTH = 5.4  # inches: two plots stand side by side, and on a phone one is as wide as the page
_WIDE = 7.6  # of the timeline, which has many bars: as wide as a page's column
_SONGS_IN_A_ROW = 2  # of the legend, at that width
_MOST_SHAPES = 1000
"""Trials up to which every dot is a shape of its own; of more they are one picture inside of the plot."""

# A colour that no plot has, in whose place stands the colour of the page's text.
_INK = "#010203"
_INKED = (
    "text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color", "grid.color",
)  # fmt: skip
_LOOK = {
    **dict.fromkeys(_INKED, _INK),
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "savefig.transparent": True,
    "svg.fonttype": "path",
    "font.size": 10.0,
}
_NOTHING_OF_THE_MACHINE = {"Date": None, "Creator": None, "Format": None, "Type": None}

_BEFORE = re.compile(r"\A.*?(?=<svg)", re.DOTALL)
_LEFT_OUT = re.compile(r"<!--.*?-->|<metadata>.*?</metadata>|<style.*?</style>", re.DOTALL)
_SIZE = re.compile(r'(<svg[^>]*?) width="[^"]*"([^>]*?)>', re.DOTALL)
_HEIGHT = re.compile(r'(<svg[^>]*?) height="[^"]*"', re.DOTALL)
_NAMES = re.compile(r'(\bid="|url\(#|href="#)')


def report_figures(
    rows: Sequence[Mapping[str, Any]], summaries: Sequence[Summary], songs: int
) -> tuple[list[Figure], str]:
    """A plot for each summary and the timeline, and a sentence where something could not be drawn."""
    try:
        import_extra("matplotlib", "A plot")
    except ConfigurationError as error:
        return [], f"There are no plots: {error.message} {error.hint}"
    figures = [_of_summary(rows, summary, songs, at) for at, summary in enumerate(summaries)]
    began = sum(row["started"] is not None for row in rows)
    if began:
        named = 0.3 if began <= 30 else 0.12
        height = max(2.4, 1.6 + min(named * began, 9.0))
        as_picture = began > _MOST_SHAPES
        svg = _svg(lambda axes: plot_timeline(rows, axes), (_WIDE, height), len(figures), as_picture)
        figures.append(Figure("When each order was in which stage", svg, is_wide=True))
    return figures, ""


def _of_summary(rows: Sequence[Mapping[str, Any]], summary: Summary, songs: int, at: int) -> Figure:
    levels = sum(cell.takes > 0 for cell in summary.cells)
    legend = math.ceil(songs / _SONGS_IN_A_ROW) if 1 < songs <= 12 else 0
    takes = sum(cell.takes for cell in summary.cells)
    svg = _svg(
        lambda axes: plot_metric(rows, summary.metric, summary.by, axes, scope=summary.scope),
        (_WIDTH, 1.1 + 0.62 * levels + 0.2 * legend),
        at,
        takes > _MOST_SHAPES,
    )
    by = f" by {', '.join(summary.by)}" if summary.by else ""
    label = NumberColumn.of(summary.metric).label
    return Figure(f"{label[:1].upper()}{label[1:]}{by}: a dot a take, the mean and its 95 % interval", svg)


def _svg(draw: Callable[[Any], Any], size: tuple[float, float], at: int, as_picture: bool) -> Markup:
    from matplotlib import style
    from matplotlib.figure import Figure as Drawing

    sink = io.StringIO()
    with style.context(["default", _LOOK | {"svg.hashsalt": f"plot-{at}"}]):
        # Without pyplot, which would show it in a notebook's cell too.
        drawing = Drawing(figsize=size, layout="constrained")
        axes = drawing.add_subplot()
        draw(axes)
        if as_picture:
            for shapes in axes.collections:
                shapes.set_rasterized(True)
        drawing.savefig(sink, format="svg", metadata=_NOTHING_OF_THE_MACHINE, dpi=160)
    return _for_a_page(sink.getvalue(), f"plot{at}-")


def _for_a_page(svg: str, prefix: str) -> Markup:
    """Without what belongs to a file of its own; ids are the plot's own, so that several fit into a page."""
    svg = _LEFT_OUT.sub("", _BEFORE.sub("", svg))
    svg = _HEIGHT.sub(r"\1", _SIZE.sub(r'\1\2 aria-hidden="true" focusable="false">', svg, count=1), count=1)
    return Markup(_NAMES.sub(rf"\1{prefix}", svg).replace(_INK, "currentColor"))
