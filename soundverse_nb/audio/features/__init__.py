"""What a song measures: tempo, key, timbre, level, all from one pass over it; `extract` begins."""
