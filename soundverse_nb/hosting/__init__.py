"""Hosts: they publish a file of this machine at a URL that the service can fetch, privately and briefly.

The service takes a URL; a researcher has a file. A *host* closes that gap: it publishes a file,
hands back a URL that expires, and can withdraw it afterwards.

    client = sv.Client(host="s3://my-bucket/remixes")
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
