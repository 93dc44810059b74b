"""The picture of the architecture shows the layers that the tests of imports hold, in their order."""

from __future__ import annotations

import re

from tests.test_layers import MAY_IMPORT
from tools.website.picture import TARGET, WAY, boxes, svg

BASE = {
    layer
    for layer, below in MAY_IMPORT.items()
    if below <= {"advice", "mpeg_audio"} and layer not in ("examples", "study")
}


def test_the_picture_that_is_kept_is_the_one_that_is_drawn() -> None:
    assert TARGET.read_text(encoding="utf-8") == svg(), "run: python -m tools.website.picture"


def test_every_layer_is_in_it_and_imports_from_below_or_within_its_row() -> None:
    places = {box.name: (box.y, box.x) for box in boxes()}
    assert set(places) == {layer for layer in MAY_IMPORT if not layer.startswith("__")} - BASE | {"base"}
    for layer, below in MAY_IMPORT.items():
        for other in below - BASE if layer in places else ():
            assert places[layer] < places[other], f"{layer} imports {other}"


def test_the_steps_of_a_remix_stand_in_words_below_it() -> None:
    page = (TARGET.parent.parent / "architecture.md").read_text(encoding="utf-8")
    steps = re.findall(r"^\d\. `(\w+)/`: (.+)$", page, re.MULTILINE)
    assert [(layer, text.lower()) for layer, text in steps] == [(layer, text.lower()) for layer, text in WAY]


def test_its_words_can_be_read_on_a_narrow_page() -> None:
    assert min(map(float, re.findall(r'font-size="([\d.]+)"', svg()))) >= 12
    assert 'viewBox="0 0 400 ' in svg()
