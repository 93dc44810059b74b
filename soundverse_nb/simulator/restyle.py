"""An actual remix of a reference song: the same tune, restyled as the prompt asks."""

from __future__ import annotations

from pathlib import Path


def remix_file(source: Path, target: Path, *, prompt: str, lyrics: str, parameters: str, title: str) -> None:
    import numpy as np
    import soundfile as sf

    from soundverse_nb.simulator import listening

    samples, rate = listening.load(source, 360.0)
    factor = 1.0 + 0.1 * np.sin(len(prompt) + 0.5)
    places = np.arange(0, samples.shape[1] - 1, factor)
    index = np.arange(samples.shape[1])
    samples = np.stack([np.interp(places, index, channel) for channel in samples]).astype(np.float32)
    with sf.SoundFile(target, "w", rate, 2, format="MP3", subtype="MPEG_LAYER_III") as file:
        for start in range(0, samples.shape[1], rate):
            file.write(samples[:, start : start + rate].T)
