"""The command `soundverse-nb`: the demo, preflight in a terminal, the embedded service alone, and orders."""

from __future__ import annotations

from soundverse_nb.cli.command import main

__all__ = ["main"]
