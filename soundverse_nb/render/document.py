"""A page that stands alone: one HTML document with its style and its script inside, which asks for no other.

Its Content-Security-Policy says so to the browser: nothing is loaded but the page's own images and sound, and
where it is asked for the audio that lies beside the page.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from soundverse_nb.render.assets import asset
from soundverse_nb.render.escape import fill, joined, text

_POLICY = (
    "default-src 'none'; img-src data:; media-src data:{beside}; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'; form-action 'none'; base-uri 'none'"
)

_DOCUMENT = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
<style>{style}</style>
</head>
<body class="{kind}">
<header>
<h1>{title}</h1>
<p class="lead">{lead}</p>
{notice}{below}
</header>
<main>
{main}
</main>
<footer>{foot}</footer>
<script>{script}</script>
</body>
</html>
"""

_NOTHING = Markup("")


def document_html(
    main: Markup,
    *,
    title: str,
    lead: str,
    kind: str = "",
    badge: str = "",
    warning: str = "",
    below: Markup = _NOTHING,
    foot: Sequence[str] = (),
    styles: Sequence[str] = (),
    scripts: Sequence[str] = (),
    is_beside: bool = False,
) -> Markup:
    """The document: a heading with a sentence or two, what it is made of, lines at its foot.

    `kind` is a class of its body. `badge` names what nobody must overlook, with `warning` as its explanation.
    `below` ends the heading. `styles` and `scripts` name files of `render/`. `is_beside` lets it play audio
    that lies beside it.
    """
    notice = fill('<p class="notice"><b>{}</b> {}</p>', badge, warning, limit=600) if badge else _NOTHING
    return fill(
        _DOCUMENT,
        policy=Markup(_POLICY.format(beside=" file: 'self'" if is_beside else "")),
        title=text(title, 200),
        style=Markup(asset(*styles)),
        kind=kind,
        lead=text(lead, 600),
        notice=notice,
        below=below,
        main=main,
        foot=joined([fill("<p>{}</p>", line, limit=600) for line in foot]),
        script=Markup(asset(*scripts)),
    )
