"""Decoding a song block by block; `opening.decode` picks the decoder that is right for its container."""
