"""Where the words of one end of a slider stand in a prompt; "{}" in them stands for the prompt."""

from __future__ import annotations


def placed(form: str, line: str) -> str:
    """A prompt with the words of one end: "{} at night" goes behind, "small {}" between article and noun, and what has
    words on both sides, "a photo of {} in winter", around it."""
    if form.startswith("{}") or not form.endswith("{}"):
        return form.replace("{}", line)
    article, _, rest = line.partition(" ")
    word = form.replace("{}", "").strip()
    return f"{'an' if word[:1] in 'aeiou' else 'a'} {word} {rest}" if article in ("a", "an") else f"{word} {line}"


def before(word: str, line: str) -> str:
    """A prompt with a word before its noun: "red" and "a house" are "a red house"."""
    return placed(f"{word} {{}}", line)
