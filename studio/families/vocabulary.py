"""New words in a model: rows of an edit behind the tokenizer's own, and taken out again bit for bit.

The tokenizer and the table of rows are exchanged for longer copies, never changed; taking words out puts the originals back.
A word with several rows becomes several tokens, `<cat> <cat>_1 <cat>_2`, the way diffusers' `maybe_convert_prompt` spells it.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, cast

import torch
from torch import Tensor, nn

from studio.core.edit import Edit, EditCard
from studio.core.word_rows import ENCODERS, SECOND, mark_of
from studio.core.word_rows import plain as plain_word

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

LEGACY_EOS = 2  # CLIP configs from before transformers 4.31 name this id; the pooled row is then the highest id's


class Vocabulary:
    """The words of one model, by the adapter that brings them. tokenizers, encoders: the model's own lists, changed in place.
    marks: of rows for each encoder (`core.word_rows`). exchanged: told of a tokenizer that takes another's place. lower: whether
    prompts are read in lower case."""

    def __init__(
        self,
        tokenizers: list[PreTrainedTokenizerBase],
        encoders: Sequence[PreTrainedModel],
        marks: Sequence[str] = ("", SECOND),
        exchanged: Callable[[int, PreTrainedTokenizerBase], None] = lambda i, tokenizer: None,
        lower: bool = False,
    ):
        self.tokenizers, self.encoders, self.marks = tokenizers, encoders, tuple(marks)[: len(encoders)]
        self.exchanged, self.lower = exchanged, lower
        self.brought: dict[str, dict[str, Tensor]] = {}
        self._here = True
        self._own: list[tuple[PreTrainedTokenizerBase, nn.Embedding, int | None]] | None = None

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(sorted({plain_word(w) for tokens in self.brought.values() for w in tokens}))

    def key(self) -> tuple[str, ...]:
        """Equal for equal words with equal rows, whoever brought them."""
        rows = {word: t for tokens in self.brought.values() for word, t in tokens.items()}
        return (Edit({}, EditCard(title="words"), rows).hash,) if rows else ()

    def add(self, name: str, tokens: Mapping[str, Tensor]) -> None:
        """Words under a name. ValueError for a word the model knows, and for rows of another width."""
        for word, rows in tokens.items():
            self._check(word, rows)
        self.brought[name] = dict(tokens)
        self._rebuild()

    def remove(self, name: str) -> None:
        if self.brought.pop(name, None):
            self._rebuild()

    def to(self, device: str | torch.device) -> None:
        """The tables that wait to come back go where the model goes."""
        for _, table, _ in self._own or []:
            table.to(device)

    def aside(self) -> None:
        """The encoders have their own tables until `back`; the words stay written down."""
        words, self.brought = self.brought, {}
        self._rebuild()
        self.brought, self._here = words, False

    def back(self) -> None:
        self._here = True
        self._rebuild()

    @contextmanager
    def only(self, tokens: Sequence[Mapping[str, Tensor]]) -> Iterator[None]:
        """For a while just these words; afterwards those that were there before."""
        before, self.brought = self.brought, {}
        try:
            self._rebuild()
            for i, words in enumerate(tokens):
                self.add(str(i), words)
            yield
        finally:
            self.brought = before
            self._rebuild()

    def every(self, prompts: Sequence[str]) -> list[list[str]]:
        """Prompts for each tokenizer."""
        return [self.spelled(prompts, i) for i in range(len(self.tokenizers))]

    def spelled(self, prompts: Sequence[str], i: int) -> list[str]:
        """Prompts for tokenizer i, with every word of several rows written out."""
        out = list(prompts)
        for word, rows in self._of(i).items():
            if rows.shape[0] > 1:
                whole = " ".join([word, *(f"{word}_{n}" for n in range(1, rows.shape[0]))])
                alone = r"(?<!\w)%s(?!\w)" if word.isalnum() else r"%s(?!_\d)"
                found = re.compile(alone % re.escape(word), re.IGNORECASE)
                out = [found.sub(lambda _, whole=whole: whole, prompt) for prompt in out]  # type: ignore[misc]
        return out

    def _of(self, i: int) -> dict[str, Tensor]:
        """Words and rows of encoder i, in the order of their names."""
        every = {word: rows for tokens in self.brought.values() for word, rows in tokens.items()}
        return {plain_word(word): every[word] for word in sorted(every) if mark_of(word) == self.marks[i]}

    def _check(self, word: str, rows: Tensor) -> None:
        mark, plain = mark_of(word), plain_word(word)
        if mark not in self.marks:
            has = " and ".join(ENCODERS[mark] for mark in self.marks)
            raise ValueError(f"the word {plain!r} has rows for {ENCODERS[mark]}; this model has {has}")
        if self.lower and plain != plain.lower():
            raise ValueError(f"the word {plain!r} has capitals, and prompts are read in lower case; {plain.lower()!r} would fit")
        i = self.marks.index(mark)
        width = table_of(self.encoders[i]).weight.shape[1]
        if rows.ndim != 2 or rows.shape[1] != width or not rows.shape[0]:
            raise ValueError(f"the word {plain!r} has rows of shape {list(rows.shape)}; [n, {width}] would fit")
        known = self.tokenizers[i].get_vocab()
        if {plain, f"{plain}</w>", f"▁{plain}"} & set(known) or any(word in tokens for tokens in self.brought.values()):
            raise ValueError(f"the word {plain!r} is known to this model already; another name would fit")

    def _rebuild(self) -> None:
        """The originals, with every word that is now brought behind them."""
        if not self._here or (self._own is None and not self.brought):
            return
        if self._own is None:
            self._own = [(t, table_of(e), _ends_with(e)) for t, e in zip(self.tokenizers, self.encoders, strict=True)]
        for i, (tokenizer, table, eos) in enumerate(self._own):
            rows = self._of(i)
            self.tokenizers[i] = _longer(tokenizer, rows) if rows else tokenizer
            self.exchanged(i, self.tokenizers[i])
            self.encoders[i].set_input_embeddings(_with_rows(table, rows, len(tokenizer)) if rows else table)
            # with new ids above it, the end of the text must be looked for by its own id
            if eos is not None:
                _text(self.encoders[i]).eos_token_id = tokenizer.eos_token_id if rows and eos == LEGACY_EOS else eos
        if not self.brought:
            self._own = None


def table_of(encoder: PreTrainedModel) -> nn.Embedding:
    """The rows of a text encoder's words."""
    return cast(nn.Embedding, encoder.get_input_embeddings())


class _Ended(Protocol):
    eos_token_id: int


def _text(encoder: PreTrainedModel) -> _Ended:
    """The transformer inside, which holds the id of the end of the text."""
    return cast(_Ended, getattr(encoder, "text_model", encoder))


def _ends_with(encoder: PreTrainedModel) -> int | None:
    """The id of the end of the text, which CLIPs look for; None of others."""
    return getattr(_text(encoder), "eos_token_id", None)


def _longer(tokenizer: PreTrainedTokenizerBase, rows: Mapping[str, Tensor]) -> PreTrainedTokenizerBase:
    longer = copy.deepcopy(tokenizer)
    longer.add_tokens([w if n == 0 else f"{w}_{n}" for w, r in rows.items() for n in range(r.shape[0])])
    return longer


def _with_rows(table: nn.Embedding, rows: Mapping[str, Tensor], n: int) -> nn.Module:
    """The table's first n rows (those of the tokenizer's own words), its spare ones if it has any, and the new ones, which
    stand at n and after as the tokenizer counts."""
    new = torch.cat([r.to(table.weight) for r in rows.values()])
    weight = torch.cat([table.weight.detach()[:n], new, table.weight.detach()[n + len(new) :]])
    longer = nn.Embedding(weight.shape[0], weight.shape[1], padding_idx=table.padding_idx, _weight=weight)
    return longer.eval().requires_grad_(False)
