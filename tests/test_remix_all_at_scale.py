"""A hundred remixes at once: a hundred results, each charged once."""

from __future__ import annotations

from pathlib import Path

import soundverse_nb as sv


async def test_a_hundred_remixes_at_once_are_a_hundred_results_and_a_hundred_charges(tmp_path: Path) -> None:
    with sv.simulator.Simulator(speed=200, take=1) as service:
        client = sv.Client(
            "key",
            service.base_url,
            directory=tmp_path / "remixes",
            journal=tmp_path / "orders",
            progress=False,
        )
        async with client:
            song = sv.example_song()
            # One take for all: the point is the hundred orders, not the signal processing behind them.
            results = await client.remix_all([(song, "upbeat jazz with brass horns")] * 100)
    assert [r for r in results if not isinstance(r, sv.Remix)] == []
    remixes = [r for r in results if isinstance(r, sv.Remix)]
    assert len(remixes) == 100
    assert len(service.ledger) == 100
    assert {charge.message_id for charge in service.ledger} == {remix.message_id for remix in remixes}
    assert len({remix.audio.path for remix in remixes}) == 100
