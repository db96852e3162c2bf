"""A result of an evaluation with the engine's own figures, of answers that are written down here."""

from __future__ import annotations

from typing import Any

from studio.capabilities.evaluate import classical, scoring
from studio.capabilities.evaluate.judges import Answer
from studio.capabilities.evaluate.verdict import of_candidate, of_pair
from studio.domains import domain_of
from studio.library.checklist import checks

PROMPTS = ("a red cat by the sea", "a boat at night")
SEEDS = (0, 1)
TITLES = ("Nano DMD2", "Nano teacher")
WRONG = {0: {("Is there a cat?", 0): "a house", ("Is there a cat?", 1): "a house", ("Is the colour red?", 1): "blue"}, 1: {}}
REQUEST = {
    "candidates": [
        {"model": "nano/dmd2", "arm": "", "adapters": [{"id": "nano/size", "strength": 0.5, "on": "all"}]},
        {"model": "nano/teacher", "arm": "", "adapters": []},
    ],
    "prompts": list(PROMPTS), "n_prompts": 16, "seeds": [0, 1], "judges": [], "judge_model": "", "planted": 0,
    "teacher_steps": None,
}  # fmt: skip
ABOUT = {"titles": list(TITLES), "roles": ["student", "teacher"], "prompts": 2}


def result(**more: Any) -> dict[str, Any]:
    domain = domain_of("pocket")
    said = [domain.read(line) for line in PROMPTS]
    asked = [checks(domain, one) for one in said]
    rows = []
    for k, title in enumerate(TITLES):
        answers = [
            [
                Answer(0.0, WRONG[k][check.question, seed]) if (check.question, seed) in WRONG[k] else Answer(1.0, check.wanted)
                for check in row
            ]
            for row in asked
            for seed in SEEDS
        ]
        files = [f"artifacts/{k}/{i}-{seed}.png" for i in range(len(PROMPTS)) for seed in SEEDS]
        row = {"name": REQUEST["candidates"][k]["model"], "title": title, "nfe": (4, 50)[k]}
        row |= scoring.candidate(said, SEEDS, asked, {"oracle": answers}, files)
        known = {"diversity": {"value": 0.5, "low": 0.25, "high": 0.75, "n": 4, "note": ""}}
        rows.append(row | {"figures": classical.shown(known, "the oracle"), "sentence": of_candidate(row)})
    pair = scoring.pair(0, 1, *rows)
    pair["sentence"] = of_pair(pair, TITLES, 4)
    prompts = [
        {"text": line, "read_as": line, "checks": [vars(check) for check in row], "notice": ""}
        for line, row in zip(PROMPTS, asked, strict=True)
    ]
    return {
        "request": REQUEST, "domain": "pocket", "judge": "oracle", "prompts": prompts, "seeds": list(SEEDS), "candidates": rows,
        "judges": {"oracle": {"title": "Oracle", "about": "It reads every factor.", "key": "oracle x"}}, "comparisons": [pair],
        "trust": {}, "notices": ["A notice."], "report": "artifacts/report/evaluation.html", **more,
    }  # fmt: skip
