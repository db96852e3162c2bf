"""The worst samples of a candidate, each beside the same prompt and seed of another, with every question's answer."""

from __future__ import annotations

from collections.abc import Mapping

from studio.core.files import Json

PAGE = 12  # samples
YES = 0.5  # an answer above it


def wall(result: Json, wish: Mapping[str, object]) -> Json:
    """wish: {"candidate", "beside": places, -1 for none, "question": one of `failing` or "", "count": how many are wanted}.
    {"samples", "total": of those asked for, "of": samples of a candidate}. ValueError in one sentence."""
    rows = result["candidates"]
    own, other = _place(wish.get("candidate"), len(rows)), _place(wish.get("beside", -1), len(rows), none=True)
    wanted, count = str(wish.get("question") or ""), _place(wish.get("count", PAGE), 1 << 20)
    found = [(i, one) for i, one in enumerate(rows[own]["samples"]) if not wanted or _fails(result, one, wanted)]
    found.sort(key=lambda pair: 2.0 if pair[1]["score"] is None else float(pair[1]["score"]))
    beside = rows[other]["samples"] if other >= 0 else []
    return {
        "samples": [_sample(result, one, beside[i] if i < len(beside) else None) for i, one in found[:count]],
        "total": len(found),
        "of": len(rows[own]["samples"]),
    }


def _place(given: object, n: int, none: bool = False) -> int:
    """A place in a list, -1 for none of it."""
    if isinstance(given, int | float) and int(given) == given and (0 if not none else -1) <= given < n:
        return int(given)
    raise ValueError("This candidate or its samples are not in the result.")


def _checks(result: Json, one: Json) -> list[Json]:
    return list(result["prompts"][one["prompt"]]["checks"])


def _fails(result: Json, one: Json, question: str) -> bool:
    answered = zip(_checks(result, one), one["answers"], strict=False)
    return any(check["question"] == question and score <= YES for check, (score, _) in answered)


def _sample(result: Json, one: Json, other: Json | None) -> Json:
    return {
        "prompt": result["prompts"][one["prompt"]]["text"],
        "seed": one["seed"],
        "own": _answers(result, one),
        "beside": None if other is None else _answers(result, other),
    }


def _answers(result: Json, one: Json) -> Json:
    """Those that fail first; an adapter's words may have led to fewer questions than the prompt has."""
    asked = zip(_checks(result, one), one["answers"], strict=False)
    told = [{"question": check["question"], "yes": score > YES, "reason": str(reason)} for check, (score, reason) in asked]
    return {"file": one["file"], "score": one["score"], "answers": sorted(told, key=lambda row: row["yes"])}
