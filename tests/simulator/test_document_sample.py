"""The document's own sample, unchanged but for its address, key and reference."""

from __future__ import annotations

import ast
import subprocess
import sys

SAMPLE = """
import requests
import json

url = "https://api.soundverse.ai/v7/generate/remix"
headers = {
    "Authorization": "Bearer your_api_key_here",
    "Content-Type": "application/json"
}
payload = {
    "song_reference_url": "https://storage.soundverse.ai/.../original_song.mp3",
    "prompt": "upbeat jazz remix with brass horns"
}

response = requests.post(url, json=payload, headers=headers, stream=True)

for line in response.iter_lines():
    if line:
        text = line.decode('utf-8')
        if text.startswith('data: '):
            data = json.loads(text[6:])
            print(data)
"""


def test_the_documents_sample_prints_the_documented_stages_and_ends_complete(service, reference):
    pointed = SAMPLE.replace("https://api.soundverse.ai", service.base_url).replace(
        "https://storage.soundverse.ai/.../original_song.mp3", reference
    )
    command = [sys.executable, "-c", pointed]
    done = subprocess.run(command, capture_output=True, timeout=60, check=True, encoding="utf-8")
    printed = [ast.literal_eval(line) for line in done.stdout.splitlines()]
    stages = list(dict.fromkeys(chunk["status"] for chunk in printed))
    assert stages == [
        "validating", "queued", "starting", "initializing", "uploading", "streaming", "completed",
    ]  # fmt: skip
    assert printed[-1]["isComplete"] is True
    assert [chunk["isComplete"] for chunk in printed[:-1]] == [False] * (len(printed) - 1)
