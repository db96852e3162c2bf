"""Draw the shipped subjects into `assets/subjects/pocket/`, run from the checkout."""

from pathlib import Path

from studio.domains.pocket.subjects import build

if __name__ == "__main__":
    build(Path("assets/subjects/pocket"))
