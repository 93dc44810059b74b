"""Audio that was changed on the disk is noticed, had again where it can be, and never paid twice."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import soundverse_nb as sv
from soundverse_nb.simulator import Simulator
from tests.study.conftest import PRICE, small_plan, write_song

MakeClient = Callable[..., sv.Client]


def junk(study: sv.Study, *, in_place: bool, same_size: bool) -> str:
    """Put something else in the place of the first take; which trial that is."""
    trial = study.trials()[0]
    file = study.path / str(trial.file)
    content = bytes(file.stat().st_size if same_size else 100)
    if not in_place:
        file.unlink()  # the client's file stays: it is the same one under another name
    file.write_bytes(content)
    os.utime(file, (2_000_000_000, 2_000_000_000))  # long after its trial, whatever the clock of the disk
    return trial.identity


@pytest.mark.parametrize("in_place", [True, False], ids=["in place", "another file"])
@pytest.mark.parametrize("same_size", [True, False], ids=["same size", "another size"])
async def test_a_take_that_was_replaced_is_refused_and_put_back(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, service: Simulator, in_place: bool,
    same_size: bool, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    study = sv.Study(tmp_path / "study", make_client())
    await study.run(small_plan(songs), price=PRICE, measures=False)
    before, expected = len(service.ledger), study.to_frame()["audio"].tolist()
    identity = junk(study, in_place=in_place, same_size=same_size)
    with pytest.raises(sv.ConfigurationError, match="was changed since it was fetched"):
        study.clip(identity)
    await study.run(price=PRICE, measures=False)
    assert "was changed since it was fetched" in capsys.readouterr().err
    assert study.clip(identity).duration > 0.5
    assert len(service.ledger) == before
    assert study.to_frame()["audio"].tolist() == expected
    assert study.spent == pytest.approx(2 * PRICE)


async def test_a_take_that_cannot_be_had_again_is_said_and_not_ordered_again(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, service: Simulator,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    study = sv.Study(tmp_path / "study", make_client())
    await study.run(small_plan(songs), price=PRICE, measures=False)
    before = len(service.ledger)
    junk(study, in_place=True, same_size=False)

    async def gone(*given: object) -> None:
        raise sv.DownloadError("The service has it no longer.")

    monkeypatch.setattr("soundverse_nb.client.order.recover.fetch_remix", gone)
    await study.run(price=PRICE, measures=False)
    said = capsys.readouterr().err
    assert "1 take is gone and could not be fetched again (The service has it no longer.)" in said
    assert len(service.ledger) == before
    assert study.spent == pytest.approx(2 * PRICE)


async def test_a_junk_file_is_not_measured_nor_archived_nor_taken_over(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, capsys: pytest.CaptureFixture[str]
) -> None:
    study = sv.Study(tmp_path / "study", make_client())
    await study.run(small_plan(songs), price=PRICE, measures=False)
    identity = junk(study, in_place=True, same_size=True)
    study.save(tmp_path / "study.zip")
    assert "or were changed" in capsys.readouterr().err
    unpacked = sv.Study.open_zip(tmp_path / "study.zip", tmp_path / "unpacked")
    with pytest.raises(sv.ConfigurationError, match="is gone"):
        unpacked.clip(identity)
    other = sv.Study(tmp_path / "other", make_client(journal=tmp_path / "other.sqlite3"))
    with pytest.raises(sv.ConfigurationError, match="no room"):
        await other.run(small_plan(songs), price=PRICE, budget=PRICE / 2, measures=False)
    assert other.adopt(study) == 1
    with pytest.raises(sv.ConfigurationError, match="is gone"):
        sv.merge([study], tmp_path / "merged").clip(identity)


async def test_a_song_that_was_replaced_in_the_study_is_not_ordered(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, service: Simulator
) -> None:
    study = sv.Study(tmp_path / "study", make_client())
    await study.run(small_plan(songs), price=PRICE, measures=False)
    assert study.plan is not None
    (kept,) = map(Path, study.plan.references.values())
    write_song(kept, 700.0)
    before = len(service.ledger)
    with pytest.raises(sv.ConfigurationError, match="in the study's folder was changed"):
        await study.run(study.plan, price=PRICE, measures=False, retry_failed=True)
    await study.run(small_plan(songs), price=PRICE, measures=False)
    assert kept.read_bytes() == songs[0].read_bytes()
    assert len(service.ledger) == before
