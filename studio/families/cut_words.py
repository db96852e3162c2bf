"""What of a prompt a text encoder does not read, because it is longer than the encoder takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def cut_off(words: PreTrainedTokenizerBase, prompt: str, length: int) -> str:
    """The end of a prompt, from the first word that is not read whole; "" where all is read. length: tokens that are read, those
    that every prompt begins and ends with among them."""
    kept = length - words.num_special_tokens_to_add()
    if not words.is_fast:
        ids = words(prompt, add_special_tokens=False, verbose=False)["input_ids"]
        return str(words.decode(ids[kept:])).strip()
    places = words(prompt, add_special_tokens=False, return_offsets_mapping=True, verbose=False)["offset_mapping"]
    if len(places) <= kept:
        return ""
    start = places[kept][0]
    while start and not prompt[start - 1].isspace() and not prompt[start].isspace():
        start -= 1
    return prompt[start:].strip()
