"""How alike two songs are: in their tune, whatever its key and tempo, and in their style."""
