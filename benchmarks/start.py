"""Start-up: from the command to the first page, of this checkout and of another one, alternating in one run.

    python -m benchmarks.start --against ../before --rounds 5

Prints the median of both and their ratio. Each start has a data folder of its own that was used once before, so that what is
kept between starts (the catalogue of forms) is there, as for a person who comes back.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
PATIENCE_S = 120.0


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def start(checkout: Path, data: str) -> float:
    """Seconds until the page answers; the server and its worker are ended afterwards."""
    port = free_port()
    command = [sys.executable, "app.py", "--port", str(port), "--data-dir", data, "--device", "cpu"]
    begun = time.perf_counter()
    server = subprocess.Popen(command, cwd=checkout, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                    answer.read()
                return time.perf_counter() - begun
            except (urllib.error.URLError, ConnectionError):
                if time.perf_counter() - begun > PATIENCE_S or server.poll() is not None:
                    raise SystemExit(f"{checkout} did not start.") from None
                time.sleep(0.005)
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--against", type=Path, required=True, help="another checkout")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    checkouts = {"this": HERE, "the other": options.against.resolve()}
    with tempfile.TemporaryDirectory() as folder:
        data = {name: str(Path(folder) / name.replace(" ", "-")) for name in checkouts}
        for name, checkout in checkouts.items():
            start(checkout, data[name])
        took: dict[str, list[float]] = {name: [] for name in checkouts}
        for _ in range(options.rounds):
            for name, checkout in checkouts.items():
                took[name].append(start(checkout, data[name]))
    medians = {name: statistics.median(values) for name, values in took.items()}
    for name, values in took.items():
        print(f"{name:10} median {medians[name]:.2f} s, {min(values):.2f} to {max(values):.2f}")
    ratio, least = medians["this"] / medians["the other"], min(took["this"]) / min(took["the other"])
    print(f"this / the other: {ratio:.3f} of medians, {least:.3f} of the fastest")


if __name__ == "__main__":
    main()
