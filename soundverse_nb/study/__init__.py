"""Prompt-sweep studies: what is ordered, and the store that outlives a crash."""
