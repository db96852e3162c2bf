"""Put what a job left in a data folder where it is shipped from.

python -m benchmarks.remake.ship adapter pocket-snow assets/pocket/adapters/snow --rank 3 --data-dir DATA
python -m benchmarks.remake.ship controlnet pocket-layout assets/pocket/controlnets/layout --data-dir DATA
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

from studio.core.pretraining import LICENCE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("adapter", "controlnet"))
    parser.add_argument("name", help="as the job kept it")
    parser.add_argument("target", type=Path)
    parser.add_argument("--rank")
    parser.add_argument("--keep")
    parser.add_argument("--data-dir", type=Path, required=True)
    o = parser.parse_args()
    made = o.data_dir / f"{o.what}s" / "mine" / o.name
    if not made.is_dir():
        raise SystemExit(f"There is no {o.what} {o.name!r} in {o.data_dir}; the job that makes it comes first.")
    o.target.mkdir(parents=True, exist_ok=True)
    about = json.loads((made / "card.json").read_text(encoding="utf-8"))
    about["card"]["licence"] = LICENCE
    (o.target / "card.json").write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if o.what == "controlnet":
        for file in made.glob("*.safetensors"):
            shutil.copy2(file, o.target / file.name)
        return
    smaller = [f"--{name}={value}" for name, value in (("rank", o.rank), ("keep", o.keep)) if value]
    export = ["-m", "studio", "adapters", "export", f"mine/{o.name}", str(o.target / "adapter.safetensors"), *smaller]
    subprocess.run([sys.executable, *export, "--data-dir", str(o.data_dir)], check=True)


if __name__ == "__main__":
    main()
