"""The tokenizer of the pocket models."""

from __future__ import annotations

from studio.domains.pocket.captions import vocabulary
from studio.domains.pocket.pretrain.assemble import MAX_TOKENS, build_tokenizer, learn_merges
from studio.families.stable.folders import tokenize


def test_merges_are_a_function_of_the_words():
    assert learn_merges(["low", "lower"]) == learn_merges(["lower", "low"])
    assert learn_merges(["ab"]) == [("a", "b</w>")]


def test_every_word_is_one_token_and_ids_never_change(tmp_path):
    first, second = build_tokenizer(tmp_path / "a"), build_tokenizer(tmp_path / "b")
    assert first.get_vocab() == second.get_vocab()
    for word in vocabulary():
        ids = first(word)["input_ids"]
        assert len(ids) == 3
        assert first.decode(ids, skip_special_tokens=True).strip() == word


def test_other_text_falls_back_to_letters(tmp_path):
    tokenizer = build_tokenizer(tmp_path)
    assert len(tokenizer("zebra")["input_ids"]) > 3
    assert tokenize(tokenizer, ["a red house", ""]).shape == (2, MAX_TOKENS)
