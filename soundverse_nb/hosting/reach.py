"""Who can see an address; the rules lie at the bottom of the house, as the wire and the simulator ask too."""

from __future__ import annotations

from soundverse_nb.reach import Address, host_of, read_address, what_is_local, why_local, why_resolved_local

__all__ = ["Address", "host_of", "read_address", "what_is_local", "why_local", "why_resolved_local"]
