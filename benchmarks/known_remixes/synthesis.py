"""How a MIDI file becomes sound: FluidSynth with a General MIDI bank, and the effects of a room.

A rendering is kept in the cache folder under the hash of all that decides its samples, so that a set is made
once and a change of one tune renders one tune.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

Samples = NDArray[np.float32]

RATE = 44_100
BANKS = (Path("/usr/share/sounds/sf2/FluidR3_GM.sf2"), Path("/usr/share/sounds/sf2/TimGM6mb.sf2"))
LEVEL = -20.0  # dB of full scale, RMS, of every rendering
NOISE, WET = -30.0, -9.0  # dB below the music: noise and reverberation of level 3
DECAY = 1.3  # seconds until the reverberation has fallen by 60 dB
_LOOP = 1 << 19  # samples
_VERSION = 1  # raise it where the same notes are to sound different


class MissingSynthesizerError(RuntimeError):
    """FluidSynth or its bank of sounds is not installed."""


@dataclass(frozen=True)
class Room:
    """Reverberation and noise added after synthesis, from a seed; levels in dB relative to the music."""

    seed: int
    wet: float = WET
    noise: float = NOISE
    decay: float = DECAY


@dataclass(frozen=True)
class Synthesizer:
    """FluidSynth, the bank it plays and the folder where its renderings are kept."""

    program: str
    bank: Path
    cache: Path

    def render(self, midi: bytes, seconds: float, room: Room | None, target: Path) -> None:
        """Write so many seconds of a MIDI file's sound as FLAC, 44.1 kHz in stereo."""
        content = (_VERSION, RATE, LEVEL, self.bank.name, self.bank.stat().st_size, room, seconds, midi)
        kept = self.cache / f"{hashlib.sha256(repr(content).encode()).hexdigest()[:32]}.flac"
        if not kept.exists():
            self.cache.mkdir(parents=True, exist_ok=True)
            part = kept.with_suffix(f".{os.getpid()}.part")
            samples = self._play(midi)
            if room is not None:
                samples = in_room(samples, room)
            ended = levelled(faded(samples, round(seconds * RATE)))
            sf.write(part, ended, RATE, format="FLAC", subtype="PCM_16")
            part.replace(kept)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        try:
            os.link(kept, target)
        except OSError:  # another file system
            shutil.copyfile(kept, target)

    def _play(self, midi: bytes) -> Samples:
        with tempfile.TemporaryDirectory() as folder:
            score, sound = Path(folder) / "score.mid", Path(folder) / "sound.wav"
            score.write_bytes(midi)
            # FluidSynth's own reverberation stays as it comes: a little, the same for all.
            command = [
                self.program,
                "-ni",
                "-q",
                "-z",
                "4096",
                "-g",
                "0.4",
                "-r",
                str(RATE),
                "-O",
                "float",
                "-T",
                "wav",
            ]
            command += ["-o", "synth.dynamic-sample-loading=1", "-F", str(sound), str(self.bank), str(score)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode or not sound.exists():
                said = done.stderr.strip() or done.stdout.strip()
                raise RuntimeError(f"FluidSynth could not render a tune: {said}")
            samples: Samples = sf.read(sound, dtype="float32", always_2d=True)[0]
        return samples


def find_synthesizer(cache: Path) -> Synthesizer:
    """The FluidSynth of this machine with the first bank that is there."""
    program = shutil.which("fluidsynth")
    bank = next((path for path in BANKS if path.exists()), None)
    if program is None or bank is None:
        lacking = " and ".join(
            word for word, there in (("FluidSynth", program), ("a General MIDI bank", bank)) if there is None
        )
        raise MissingSynthesizerError(
            f"Rendering the tunes needs {lacking}. On Debian and Ubuntu:"
            " apt-get install fluidsynth fluid-soundfont-gm (or timgm6mb-soundfont, 6 MB instead of 148)."
        )
    return Synthesizer(program, bank, cache)


def in_room(samples: Samples, room: Room) -> Samples:
    """Music with reverberation (decaying noise of its own for each ear) and pink noise."""
    rng = np.random.default_rng(room.seed)
    time = np.arange(round(room.decay * RATE)) / RATE
    response = rng.standard_normal((len(time), 2)) * np.exp(-6.91 * time / room.decay)[:, None]
    response[: round(0.012 * RATE)] = 0.0  # the walls answer later than the instrument
    reverberation = convolved(samples, response)
    music = rms(samples)
    reverberation *= music * 10 ** (room.wet / 20) / max(rms(reverberation), 1e-9)
    # Twelve seconds of noise over and over; nobody hears that in noise, and it takes a quarter of the time.
    noise = np.resize(np.stack([pink(_LOOP, rng), pink(_LOOP, rng)], axis=1), samples.shape)
    noise *= music * 10 ** (room.noise / 20) / rms(noise)
    return (samples + reverberation + noise).astype(np.float32)


def convolved(samples: Samples, response: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each channel with its response, cut to the length of the samples; by overlapping blocks."""
    size = 1 << 18
    step = size - len(response)
    transfer = np.fft.rfft(response, size, axis=0)
    total = np.zeros((len(samples) + size, samples.shape[1]))
    for start in range(0, len(samples), step):
        spectrum = np.fft.rfft(samples[start : start + step], size, axis=0)
        total[start : start + size] += np.fft.irfft(spectrum * transfer, size, axis=0)
    return total[: len(samples)]


def pink(count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Noise whose power falls by 3 dB an octave, above 20 Hz."""
    size = 1 << (count - 1).bit_length()
    spectrum = np.fft.rfft(rng.standard_normal(size))
    frequencies = np.fft.rfftfreq(size, 1 / RATE)
    shaped = spectrum * np.where(frequencies >= 20, 1 / np.sqrt(np.maximum(frequencies, 1)), 0)
    noise: NDArray[np.float64] = np.fft.irfft(shaped, size)[:count]
    return noise


def faded(samples: Samples, count: int) -> Samples:
    """The first `count` samples, or as many as there are, faded out over the last second."""
    cut = samples[:count].copy()
    fade = min(len(cut), RATE)
    cut[len(cut) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)[:, None]
    return cut


def levelled(samples: Samples) -> Samples:
    """The same sound at `LEVEL`, or softer where its peaks would clip."""
    gain = 10 ** (LEVEL / 20) / max(rms(samples), 1e-9)
    peak = float(np.abs(samples).max()) * gain
    return (samples * (gain * min(1.0, 0.98 / peak if peak else 1.0))).astype(np.float32)


def rms(samples: NDArray[np.floating]) -> float:
    """Root mean square of all samples of all channels."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
