"""soundverse-nb orders and recover: what was ordered, and fetching what was paid for."""

from __future__ import annotations

import argparse

from soundverse_nb.client import connect


def run(options: argparse.Namespace) -> int:
    """List the journal, or finish what it holds open; 1 where something could not be finished."""
    client = connect()
    try:
        if not options.fetch:
            print(repr(client.orders()))
            return 0
        recovered = client.recover_sync()
        print(repr(recovered))
        return int(bool(recovered.failed))
    finally:
        client.close()
