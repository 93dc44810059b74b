"""The embedded service: a real HTTP server on loopback that follows the remix document.

It needs no key and no network, makes actual remixes from the songs it is given, and can be told to
misbehave in every way a client must survive. Delete this folder and the rest of the package still works
with the real service.

Its words are loaded when they are first used: a process that only makes music needs no web server. They stand
in `__init__.pyi`.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
