"""The link that opens a notebook on Binder, and its badge: `python -m tools.binder.link ADDRESS [NOTEBOOK]`.

ADDRESS is where this repository lies on GitHub. Two branches meet in the link: Binder builds its image from
`binder`, which changes only with what is installed (`scripts/binder-branch`), and nbgitpuller brings `main`
into it at every start. So a change to a notebook builds nothing anew.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

HUB = "https://mybinder.org"
NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
# Where the image looks for today's package (binder/postBuild).
FOLDER = "today"


def binder_link(
    address: str, notebook: str = "01_quickstart.ipynb", branch: str = "main", hub: str = HUB
) -> str:
    """The link for people: image from the branch `binder`, notebooks from `branch` of the same repository.

    `address` is like ``https://github.com/owner/name``. Raises ValueError for any other, and for no notebook.
    """
    parts = urlsplit(address)
    names = parts.path.strip("/").removesuffix(".git").split("/")
    is_named = len(names) == 2 and all(re.fullmatch(r"[\w.-]+", name) for name in names)
    if parts.scheme != "https" or parts.hostname != "github.com" or not is_named:
        raise ValueError(f"{address!r} is no repository's address, like https://github.com/owner/name.")
    if not (NOTEBOOKS / notebook).is_file():
        there = ", ".join(sorted(path.name for path in NOTEBOOKS.glob("*.ipynb")))
        raise ValueError(f"There is no notebook {notebook!r}; there are {there}.")
    pull = {
        "repo": f"https://github.com/{names[0]}/{names[1]}",
        "branch": branch,
        "targetpath": FOLDER,
        "urlpath": f"lab/tree/{FOLDER}/notebooks/{notebook}",
    }
    return f"{hub}/v2/gh/{names[0]}/{names[1]}/binder?urlpath=" + quote(
        f"git-pull?{urlencode(pull)}", safe=""
    )


def badge(link: str, hub: str = HUB) -> str:
    """The badge as Markdown, to be put into a README or a course page."""
    return f"[![Open in Binder]({hub}/badge_logo.svg)]({link})"


def main() -> None:
    """Print the link and the badge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("address", help="https://github.com/owner/name")
    parser.add_argument("notebook", nargs="?", default="01_quickstart.ipynb")
    parser.add_argument("--branch", default="main", help="of the notebooks (main)")
    parser.add_argument("--hub", default=HUB, help=f"another BinderHub than {HUB}")
    given = parser.parse_args()
    try:
        link = binder_link(given.address, given.notebook, given.branch, given.hub)
    except ValueError as error:
        parser.error(str(error))
    print(link, badge(link, given.hub), sep="\n\n")


if __name__ == "__main__":
    main()
