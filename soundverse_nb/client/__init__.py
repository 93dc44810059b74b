"""One remix from reference to result: orders and their journal, the live stream, the blocking bridge."""

from __future__ import annotations

from soundverse_nb.client.client import Client
from soundverse_nb.client.config import Timeouts
from soundverse_nb.client.connect import connect
from soundverse_nb.client.job import RemixJob
from soundverse_nb.client.journal.journal import Journal
from soundverse_nb.client.journal.order import Order, OrderState
from soundverse_nb.client.limiter import ConcurrencyLimiter, LimitChange
from soundverse_nb.client.nested import enable_nested
from soundverse_nb.client.order.recover import Recovered
from soundverse_nb.client.order_table import OrderTable

__all__ = [
    "Client",
    "ConcurrencyLimiter",
    "Journal",
    "LimitChange",
    "Order",
    "OrderState",
    "OrderTable",
    "Recovered",
    "RemixJob",
    "Timeouts",
    "connect",
    "enable_nested",
]
