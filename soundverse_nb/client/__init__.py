"""One remix from reference to result: orders and their journal, the live stream, the blocking bridge."""

from __future__ import annotations

from soundverse_nb.client.client import Client
from soundverse_nb.client.connecting import connect
from soundverse_nb.client.jobs import RemixJob
from soundverse_nb.client.journal import Journal
from soundverse_nb.client.limiter import ConcurrencyLimiter, LimitChange
from soundverse_nb.client.nested import enable_nested
from soundverse_nb.client.order import Order, OrderState
from soundverse_nb.client.orders import OrderTable
from soundverse_nb.client.recovery import Recovered
from soundverse_nb.client.settings import Patience

__all__ = [
    "Client",
    "ConcurrencyLimiter",
    "Journal",
    "LimitChange",
    "Order",
    "OrderState",
    "OrderTable",
    "Patience",
    "Recovered",
    "RemixJob",
    "connect",
    "enable_nested",
]
