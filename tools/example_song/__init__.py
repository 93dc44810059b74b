"""How the example song was made: its score, its instruments, and the mixing of both."""
