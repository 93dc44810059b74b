"""Public-domain tunes as originals and remixes, with the truth of each: key, tempo, beats, every second."""
