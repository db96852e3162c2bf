"""Distillation Studio: `python app.py`, then open the address it prints. Options: `python app.py --help`."""

from __future__ import annotations

from studio.ui.serve import main

if __name__ == "__main__":
    raise SystemExit(main())
