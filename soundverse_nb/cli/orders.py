"""soundverse-nb orders and recover: what was ordered, and fetching what was paid for."""

from __future__ import annotations

import argparse
from typing import Any

from soundverse_nb.cli.output import notices_aside, print_json
from soundverse_nb.client import Order, connect
from soundverse_nb.remix import Remix


def run(options: argparse.Namespace) -> int:
    """List the journal, or finish what it holds open; 1 where something could not be finished."""
    with notices_aside():
        client = connect(progress=not options.json)
    try:
        if not options.fetch:
            orders = client.orders()
            print_json([_order(order) for order in orders]) if options.json else print(repr(orders))
            return 0
        recovered = client.recover_sync()
        if options.json:
            print_json(
                {
                    "fetched": [str(each.audio.path) for each in recovered if isinstance(each, Remix)],
                    "failed": [{**_order(order), "why": str(error)} for order, error in recovered.failed],
                    "unknown": [_order(order) for order in recovered.unknown],
                }
            )
        else:
            print(repr(recovered))
        return int(bool(recovered.failed))
    finally:
        client.close()


def _order(order: Order) -> dict[str, Any]:
    """What a program may want to know of an order; nothing that holds a key or a signed URL."""
    return {
        "order_id": order.order_id,
        "state": order.state.value,
        "message_id": order.message_id,
        "reference": order.reference_name,
        "prompt": order.prompt,
        "lyrics": order.lyrics,
        "song_name": order.song_name,
        "path": order.path,
        "simulated": order.simulated,
        "created_at": order.created_at,
        "error": order.error,
    }
