"""Making a remix: estimating beats and chords, warping, instruments, rhythm, space, mastering.

Signals are float32 at full scale 1.0: mono of shape (frames,), stereo of shape (2, frames). Rates are in Hz,
times in seconds, pitches are MIDI note numbers (69 is A at 440 Hz). Everything is deterministic: what sounds
random is drawn from a seed that follows from the request.
"""
