"""What visitors of a public demo may do: draw a few pictures, and change nothing that others see.

if sentence := refusal("import"): ...      check("delete")  # ValueError with the same sentence
"""

from __future__ import annotations

from studio.core.environment import environment

MOST_SEEDS = 8
MOST_STEPS = 50  # of a teacher
MOST_WAITING = 8  # runs in front of a lane
_NOT_HERE = {
    "run": "runs of this kind are not started",
    "import": "nothing is brought in or listed",
    "delete": "nothing is removed",
    "steer": "background runs are not steered",
    "away": "no run is sent to other machines",
}
ELSEWHERE = "on a copy of your own (pip install, or Duplicate this Space with STUDIO_DEMO=0) it works"


def on() -> bool:
    return environment().demo


def refusal(action: str) -> str:
    """Why `action` (a key of `_NOT_HERE`) is not done here, in one sentence; "" where it is."""
    return f"This is a public demo, in which {_NOT_HERE[action]}; {ELSEWHERE}." if on() else ""


def check(action: str) -> None:
    """ValueError where `refusal` has a sentence."""
    if sentence := refusal(action):
        raise ValueError(sentence)


def check_size(request: object) -> None:
    """ValueError in one sentence where a visitor's request draws more than a demo does. request: of any kind."""
    if not on():
        return
    seeds, steps = getattr(request, "seeds", ()), getattr(request, "teacher_steps", 0)
    limits = {"seeds": (len(seeds), MOST_SEEDS), "steps of the teacher": (steps, MOST_STEPS)}
    for what, (asked, most) in limits.items():
        if asked > most:
            raise ValueError(f"{asked} {what} are asked for, and a public demo draws at most {most}; {ELSEWHERE}.")
