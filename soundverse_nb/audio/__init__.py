"""Sound as data: sources, decoding, envelopes, loudness, encoding. Knows no network and no notebook."""
