"""Whether a fetched remix is still there: the journal says that it came, only the disk that it stayed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import replace

from soundverse_nb.client.order import DiskState, Order, OrderState


def is_missing(order: Order) -> bool:
    """Whether the file of a fetched order is gone, or has another size than what was fetched.

    One look at the directory and none into the file. Where the disk does not say, say for want of a
    permission, it is not missing.
    """
    # Older journals may hold a path that counted from wherever its kernel was.
    if order.state is not OrderState.FETCHED or order.path is None or not os.path.isabs(order.path):
        return False
    try:
        found = os.stat(order.path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
    return not stat.S_ISREG(found.st_mode) or (
        order.size_bytes is not None and found.st_size != order.size_bytes
    )


def as_found(orders: Iterable[Order]) -> list[Order]:
    """The orders of the journal, those whose file is gone as missing."""
    return [replace(order, state=DiskState.MISSING) if is_missing(order) else order for order in orders]
