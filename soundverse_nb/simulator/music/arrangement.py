"""The remix's form: which parts play in which bar."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bar:
    """What happens in one bar.

    `fill`: the drummer leads into what comes next; `open`: how open the filter over the song is, 0-1.
    """

    section: str  # "intro", "main", "break" or "outro"
    drums: bool
    kick: bool
    bass: bool
    chords: bool
    lead: bool
    fill: bool
    crash: bool
    open: float


def arrange(bars: int) -> tuple[Bar, ...]:
    """A form for so many bars: an introduction, a main part, a break where there is time for one, an end."""
    if bars <= 0:
        return ()
    sections = _sections(bars)
    plan: list[Bar] = []
    for place, section in enumerate(sections):
        begins = place == 0 or sections[place - 1] != section
        ends = place + 1 < bars and sections[place + 1] != section
        age = _run(sections[: place + 1][::-1]) - 1
        length = age + _run(sections[place:])
        main = section == "main"
        plan.append(
            Bar(
                section=section,
                drums=section != "outro",
                kick=main,
                bass=main or section == "outro" or (section == "intro" and ends),
                chords=section != "break" or age >= length / 2,
                lead=section == "break" or (main and (place // 4) % 2 == 1),
                fill=ends or (main and age % 8 == 7),
                crash=begins and main,
                open=1.0 if main else (age + 1) / (length + 1) if section in ("intro", "break") else 0.7,
            )
        )
    return tuple(plan)


def _run(sections: list[str]) -> int:
    """How many at the start are alike."""
    return next((place for place, other in enumerate(sections) if other != sections[0]), len(sections))


def _sections(bars: int) -> list[str]:
    if bars < 4:
        return ["main"] * bars
    intro = 1 if bars < 8 else 2 if bars < 24 else 4
    outro = 1 if bars < 16 else 2
    middle = bars - intro - outro
    pause = 0 if middle < 12 else 2 if middle < 24 else 4
    before = (middle - pause) * 2 // 3 // 4 * 4
    if pause == 0:
        return ["intro"] * intro + ["main"] * middle + ["outro"] * outro
    after = middle - pause - before
    return ["intro"] * intro + ["main"] * before + ["break"] * pause + ["main"] * after + ["outro"] * outro
