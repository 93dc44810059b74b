"""What was measured, as values that show themselves: features of a song, the difference of two, tables."""
