"""How fast the live canvas follows what is typed, through the page's server.

    python -m benchmarks.live [--pair pocket/dmd2] [--seconds 20] [--letters 8]

A studio is started on a data folder of its own; a client types so many letters a second and hears of the canvas as the page does.
Printed are the pictures a second, the time from a letter to its picture, and that of drawing alone.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from benchmarks.start import HERE, PATIENCE_S, free_port
from studio.library.stock import open_jobs

TEXT = "a red house at night with a cat in the snow under many stars by a blue lake "


@asynccontextmanager
async def studio(data: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a studio with its workers."""
    port, env = free_port(), {**os.environ, "STUDIO_DATA_DIR": data}
    served = subprocess.Popen(
        [sys.executable, "app.py", "--port", str(port), "--device", "cpu"], cwd=HERE, env=env, stdout=subprocess.DEVNULL
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as client:
            until = time.monotonic() + PATIENCE_S
            while True:
                try:
                    await client.get("/ui/terms.json")
                    break
                except httpx.TransportError:
                    if time.monotonic() > until:
                        raise
                    await asyncio.sleep(0.2)
            yield client
    finally:
        served.terminate()
        served.wait()


async def measure(pair: str, seconds: float, letters: float) -> None:
    with tempfile.TemporaryDirectory() as data:
        async with studio(data) as client:
            run = open_jobs(data).submit("live", {"draw": {"prompt": "a", "pair": pair, "arms": ["student"]}})
            typed: dict[int, float] = {}
            took: list[float] = []
            drew: list[float] = []
            shown = asyncio.Event()

            async def hear() -> None:
                tag, last = "", -1
                while True:
                    answer = await client.get(f"/live/{run}", params={"seen": tag, "wait": 20})
                    if answer.status_code == 304:
                        continue
                    told = answer.json()
                    tag = told["tag"]
                    for arm in told["canvas"].get("arms", []):
                        await client.get(f"/run-file/{run}/{arm['images'][0]['path']}")
                        if arm["wish"] != last and arm["wish"] in typed:
                            took.append(time.monotonic() - typed[arm["wish"]])
                            drew.append(arm["ms"] / 1000)
                        last = arm["wish"]
                        shown.set()

            hearing = asyncio.create_task(hear())
            await asyncio.wait_for(shown.wait(), PATIENCE_S)
            begun, sent = time.monotonic(), 0
            for i in itertools.count(2):
                now = time.monotonic()
                if now - begun > seconds:
                    break
                wish = (await client.post(f"/live/{run}", json={"prompt": (TEXT * 9)[:i]})).json()["wish"]
                typed[wish], sent = now, sent + 1
                await asyncio.sleep(max(0.0, begun + sent / letters - time.monotonic()))
            hearing.cancel()
            print(f"{pair}: {len(took) / seconds:.1f} pictures a second; {sent} letters, {sent - len(took)} of them typed over")
            print(f"letter to picture: median {1000 * statistics.median(took):.0f} ms, ", end="")
            print(f"drawing alone {1000 * statistics.median(drew):.0f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pair", default="pocket/dmd2")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--letters", type=float, default=8, help="typed a second")
    asked = parser.parse_args()
    asyncio.run(measure(asked.pair, asked.seconds, asked.letters))


if __name__ == "__main__":
    main()
