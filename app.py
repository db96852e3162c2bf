"""Distillation Studio: `python app.py`, then open the address it prints. Options: `python app.py --help`.

`demo` is the page as Gradio's own tools look for it. It is built when it is asked for: importing this starts nothing.
"""

from __future__ import annotations

from studio.ui.serve import main, page


def __getattr__(name: str) -> object:
    if name == "demo":
        globals()["demo"] = made = page()
        return made
    raise AttributeError(f"app.py has no {name}")


if __name__ == "__main__":
    raise SystemExit(main())
