"""soundverse-nb remix, orders and recover: ordering, what was ordered, and fetching what was paid for."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from soundverse_nb.advice import for_reader
from soundverse_nb.cli.output import notices_aside, print_json
from soundverse_nb.client import Order, connect
from soundverse_nb.errors import ConfigurationError, SoundverseError
from soundverse_nb.remix import Remix
from soundverse_nb.render.escape import one_line


def run(options: argparse.Namespace) -> int:
    """List the journal, or finish what it holds open; 1 where something could not be finished."""
    with notices_aside():
        client = connect(progress=not options.json)
    try:
        if not options.fetch:
            orders = client.orders()
            if options.json:
                print_json([_order(order) for order in orders])
            else:
                print(for_reader(repr(orders) if sys.stdout.isatty() else orders.in_full()))
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
            print(for_reader(repr(recovered)))
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


def run_remix(options: argparse.Namespace) -> int:
    """Order the remixes and say where each is; 1 where one could not be made."""
    if not options.prompt and not options.lyrics:
        raise ConfigurationError("There is no prompt.", hint='For example: "upbeat jazz with brass horns".')
    prompts: list[str | None] = list(options.prompt) or [None]
    requests = [{"reference": options.file, "prompt": prompt, "lyrics": options.lyrics} for prompt in prompts]
    with notices_aside():
        client = connect(directory=options.out, progress=not options.json)
    try:
        results = client.remix_all_sync(requests)
    finally:
        client.close()
    rows = [_row(prompt, result) for prompt, result in zip(prompts, results, strict=True)]
    if options.json:
        print_json(rows)
    else:
        for row in rows:
            print(f"{one_line(row['prompt'] or 'lyrics')}: {row['path'] or for_reader(row['error'])}")
    return int(any(row["error"] for row in rows))


def _row(prompt: str | None, result: Remix | SoundverseError) -> dict[str, Any]:
    if isinstance(result, SoundverseError):
        return {"prompt": prompt, "path": None, "error": str(result), "spent": result.spent.value}
    return {
        "prompt": prompt,
        "path": str(Path(result.audio.path)),
        "error": None,
        "title": result.title,
        "order_id": result.order_id,
        "message_id": result.message_id,
        "simulated": result.simulated,
    }
