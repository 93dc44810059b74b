"""What is measured of a song's sound, frame by frame and as a whole."""
