"""soundverse-nb remix: one song, one remix for each prompt."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from soundverse_nb.cli.output import notices_aside, print_json
from soundverse_nb.client import connect
from soundverse_nb.errors import ConfigurationError, SoundverseError
from soundverse_nb.remix import Remix
from soundverse_nb.render.escape import one_line


def run(options: argparse.Namespace) -> int:
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
            print(f"{one_line(row['prompt'] or 'lyrics')}: {row['path'] or row['error']}")
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
