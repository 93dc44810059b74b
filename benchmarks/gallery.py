"""What a gallery of many takes costs: bytes, seconds in the kernel, and time to the first paint in a browser.

    python benchmarks/gallery.py [--takes 1000] [--rounds 5]

Takes with waveforms and four measures are shown by `gallery(takes)` in a real JupyterLab and Chromium. The
kernel's seconds are from the call to the whole output; the first paint is from the moment the page has that
output (and with it all that was sent) to a frame in which the live rows are on show. The exit status is 1
where a target is missed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser import lab as harness

PREPARE = """
import random, time
from soundverse_nb.render.gallery import GalleryTake
from soundverse_nb.widgets.gallery import gallery
rng = random.Random(2)
names = ("tune_kept", "tempo_ratio", "timbre_distance", "loudness_change_lu")
takes = [
    GalleryTake(
        f"{{at:064x}}", f"a merry bossa nova remix with brushes and upright bass · {{at % 7}}", at,
        f"song {{at % 10}}", {{"prompt": f"style {{at % 12}}", "replicate": str(at // 120)}},
        {{name: rng.random() for name in names}}, seconds=200.0, detail="Midnight Brass",
        is_simulated=True, peaks=rng.randbytes(120), stars=rng.choice((None, 3, 4)),
    )
    for at in range(1, 1 + {takes})
]
gallery(takes[:3])._repr_mimebundle_()  # modules are loaded before the clock runs
from IPython.display import display
"""
SHOW = """
began = time.perf_counter()
shown = gallery(takes)
bundle = shown._repr_mimebundle_()
spent = time.perf_counter() - began
display(bundle, raw=True)
"""
TOLD = "print(spent)"

# From the arrival of the output to the second frame after the first rows: then they have been painted.
WATCH = """() => {
    window.received = 0;
    window.painted = new Promise((resolve) => {
        let began = 0;
        const {kernel} = window.jupyterapp.shell.currentWidget.sessionContext.session;
        kernel.anyMessage.connect((_, {msg, direction}) => {
            if (direction !== 'recv') return;
            const bytes = (msg.buffers ?? []).reduce((sum, each) => sum + each.byteLength, 0);
            window.received += JSON.stringify(msg.content).length + bytes;
            if (msg.header.msg_type === 'display_data') began = performance.now();
        });
        const watch = new MutationObserver(() => {
            if (!document.querySelector('.svt-row')) return;
            watch.disconnect();
            requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now() - began)));
        });
        watch.observe(document.body, {childList: true, subtree: true});
    });
}"""


def measure(front: harness.Lab, takes: int) -> tuple[float, float, int]:
    """Seconds in the kernel, milliseconds to the first paint, bytes sent to the page."""
    book = front.open_notebook(front.write("gallery.ipynb", [PREPARE.format(takes=takes), SHOW, TOLD]))
    page = book.page
    book.wait_for_kernel()
    run = """async (cell) => {
        window.jupyterapp.shell.currentWidget.content.activeCellIndex = cell;
        await window.jupyterapp.commands.execute('notebook:run-cell');
    }"""
    page.evaluate(run, 0)
    page.evaluate(WATCH)
    page.evaluate(run, 1)
    painted = float(page.evaluate("() => window.painted"))
    received = int(page.evaluate("() => window.received"))
    page.evaluate(run, 2)
    spent = float(book.output_of(2).last.inner_text())
    page.context.close()
    return spent, painted, received


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--takes", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    executable = harness.chromium()
    if executable is None:
        print("There is no Chromium on this machine.")
        return 1
    with (
        tempfile.TemporaryDirectory(prefix="soundverse-nb-benchmark-") as name,
        sync_playwright() as driver,
        harness.jupyterlab(Path(name)) as server,
    ):
        front = harness.Lab(server, harness.launch(driver, executable))
        runs = [measure(front, given.takes) for _ in range(given.rounds)]
    spent, painted, received = (statistics.median(column) for column in zip(*runs, strict=True))
    met = painted < 300 and received < 2_000_000
    print(f"{given.takes} takes, median of {given.rounds}")
    print(f"{'made in the kernel':34} {spent * 1000:.0f} ms")
    print(f"{'first paint after the output':34} {painted:.0f} ms      < 300 ms")
    print(f"{'sent to the page before any sound':34} {received / 1e6:.2f} MB     < 2 MB")
    print("met" if met else "MISSED")
    return int(not met)


if __name__ == "__main__":
    sys.exit(main())
