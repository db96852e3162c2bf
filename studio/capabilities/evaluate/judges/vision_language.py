"""A vision-language model from a folder on this machine: it is asked every question in words, and answers in words.

VQAScore (Lin et al. 2024, arXiv 2404.01291) takes the probability of "yes" as the score; here it is that of yes against no, at
the first token of the answer. Files of the folder alone are read, and weights from safetensors alone: nothing is downloaded, and
no code that lies beside a model is run.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import torch
from PIL import Image
from torch import Tensor

from studio.capabilities.evaluate.judges import Answer, Judge, NotHere, Opening, judge
from studio.core.domain import Said
from studio.core.explain import brief
from studio.core.files import read_json
from studio.core.recipe import weights_hash
from studio.domains.media import medium_of
from studio.library.checklist import Check

if TYPE_CHECKING:
    from transformers import BatchFeature, PreTrainedTokenizerBase

VARIABLE = "STUDIO_VLM"
ASK = "Answer yes or no, then say in a few words what you see."
BATCH = 8  # questions at once
LONGEST = 24  # tokens of an answer
LEAST = 0.05  # probability of yes and no together, below which the words decide
TOLD = 160  # characters of a reason
_SAYS = re.compile(r"\W*(yes|no)\b", re.IGNORECASE)


class Generated(Protocol):
    """sequences: [B, tokens]."""

    sequences: Tensor


class Network(Protocol):
    """What transformers' generating models have in common."""

    def parameters(self) -> Iterator[Tensor]: ...
    def generate(self, **given: object) -> Generated: ...


class Processor(Protocol):
    """What makes a model's inputs of pictures and text."""

    tokenizer: PreTrainedTokenizerBase

    def __call__(self, **given: object) -> BatchFeature: ...
    def apply_chat_template(self, conversation: list[dict[str, object]], *, add_generation_prompt: bool) -> str: ...


@dataclass(eq=False)
class ByVisionLanguage:
    folder: Path
    network: Network
    processor: Processor

    @cached_property
    def key(self) -> str:
        return f"vision-language {self.folder.name} {weights_hash(self.folder)}"

    @property
    def about(self) -> str:
        return f"The vision-language model {self.folder.name}, asked every question in words; its scores are not calibrated."

    @torch.no_grad()
    def answers(self, samples: Tensor, said: Sequence[Said], asked: Sequence[Sequence[Check]]) -> list[list[Answer]]:
        pictures = [_picture(sample) for sample in samples]
        pairs = [(pictures[i], check.question) for i, row in enumerate(asked) for check in row]
        found: list[Answer] = []
        for begin in range(0, len(pairs), BATCH):
            found += self._some(pairs[begin : begin + BATCH])
        rest = iter(found)
        return [[next(rest) for _ in row] for row in asked]

    def _some(self, pairs: Sequence[tuple[Image.Image, str]]) -> list[Answer]:
        texts = [self._line(f"{question} {ASK}") for _, question in pairs]
        inputs = self.processor(images=[picture for picture, _ in pairs], text=texts, return_tensors="pt", padding=True)
        inputs = inputs.to(next(self.network.parameters()).device)
        out = self.network.generate(
            **inputs, max_new_tokens=LONGEST, do_sample=False, return_dict_in_generate=True, output_logits=True
        )
        told = out.sequences
        asked = inputs["input_ids"]
        if told.shape[1] > asked.shape[1] and torch.equal(told[:, : asked.shape[1]], asked):  # of decoders that begin with it
            told = told[:, asked.shape[1] :]
        words = self.processor.tokenizer.batch_decode(told, skip_special_tokens=True)
        logits: tuple[Tensor, ...] | None = getattr(out, "logits", None)
        shares = self._yes(logits[0].float()) if logits else [None] * len(pairs)
        return [_answer(text, share) for text, share in zip(words, shares, strict=True)]

    def _line(self, text: str) -> str:
        """As this model is talked to."""
        if getattr(self.processor, "chat_template", None):
            content = [{"type": "image"}, {"type": "text", "text": text}]
            return self.processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
        mark = getattr(self.processor, "image_token", None)
        return f"{mark}\n{text}" if isinstance(mark, str) else text

    def _yes(self, logits: Tensor) -> list[float | None]:
        """Of [B, V], the probability of yes against no; None where neither is likely, or they begin with the same token."""
        yes, no = (self._tokens(word) for word in ("yes", "no"))
        if not yes or not no or yes & no:
            return [None] * len(logits)
        shares = logits.softmax(1)
        of_yes, of_no = (shares[:, sorted(ids)].sum(1) for ids in (yes, no))
        both = of_yes + of_no
        return [float(a / b) if float(b) >= LEAST else None for a, b in zip(of_yes, both, strict=True)]

    def _tokens(self, word: str) -> set[int]:
        """First tokens of a word, however it is written."""
        found, tokenizer = set[int](), self.processor.tokenizer
        for said in (word, word.capitalize(), f" {word}", f" {word.capitalize()}"):
            ids = tokenizer(said, add_special_tokens=False).input_ids
            found |= {ids[0]} if ids else set()
        return {token for token in found if token != tokenizer.unk_token_id}


def _answer(text: str, share: float | None) -> Answer:
    """share: of yes, where it is known; otherwise the words decide, and a half says that they do not."""
    said = _SAYS.match(text)
    if share is None:
        share = 0.5 if said is None else float(said.group(1).lower() == "yes")
    return Answer(share, " ".join(text.split())[:TOLD] or "it says nothing")


def _picture(sample: Tensor) -> Image.Image:
    pixels = (sample.detach().float().clamp(0, 1) * 255).round().to(torch.uint8).cpu()
    return Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy())


@judge("vision-language", title="Vision-language model", order=2)
def open_vision_language(opening: Opening) -> Judge:
    if not medium_of(opening.domain).pictures:
        raise NotHere(f"A vision-language model sees pictures, and samples of {opening.domain.title} are none; oracle would fit.")
    given = opening.choice or os.environ.get(VARIABLE, "").strip()
    if not given:
        raise NotHere(
            f"No vision-language model is named; a folder that transformers saved, named here or by {VARIABLE}, would fit."
        )
    folder = Path(given).expanduser()
    kind = _kind(folder)
    network, processor = opening.models.keep(
        f"vision-language:{folder}", _stamp(folder), lambda: _open(folder, kind, opening.models.device), 2 * _size(folder)
    )
    return ByVisionLanguage(folder, network, processor)


def _kind(folder: Path) -> str:
    """The auto class that opens it. NotHere where none does."""
    name = brief(str(folder), 80)
    if not folder.is_dir():
        raise NotHere(f"The folder {name} is not there; one that transformers saved would fit.")
    config = read_json(folder / "config.json")
    if config is None:
        raise NotHere(f"The folder {name} has no readable config.json; one that transformers saved would fit.")
    from transformers.models.auto import modeling_auto as auto

    made = [str(one) for one in config.get("architectures") or []]
    kinds = {
        "AutoModelForImageTextToText": auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES,
        "AutoModelForVisualQuestionAnswering": auto.MODEL_FOR_VISUAL_QUESTION_ANSWERING_MAPPING_NAMES,
    }
    kind = next((kind for kind, known in kinds.items() if any(one in known.values() for one in made)), "")
    if not kind:
        what = " and ".join(made) or str(config.get("model_type") or "something else")
        raise NotHere(f"The folder {name} holds {brief(what, 60)}; a model that answers in words about pictures would fit.")
    if not any(folder.glob("*.safetensors")):
        raise NotHere(f"The folder {name} has no .safetensors file, and pickles are not opened; save_pretrained writes one.")
    return kind


def _open(folder: Path, kind: str, device: str) -> tuple[Network, Processor]:
    import transformers

    try:
        processor = transformers.AutoProcessor.from_pretrained(folder, local_files_only=True)
        network, found = getattr(transformers, kind).from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            dtype="auto" if device.startswith("cuda") else torch.float32,
            output_loading_info=True,
        )
    except Exception as error:  # transformers and tokenizers raise whatever they meet
        why = " ".join(str(error).split())[:160].rstrip(". ")
        raise NotHere(f"{folder.name} cannot be opened ({why}); a whole copy would fit.") from error
    if missing := sorted(found["missing_keys"]):  # transformers would put random numbers there
        raise NotHere(f"{folder.name} lacks {len(missing)} of its weights, {missing[0]} first; a whole copy would fit.")
    if not hasattr(network, "generate") or not hasattr(processor, "tokenizer"):
        raise NotHere(f"{folder.name} chooses among answers and writes none; a model that answers in words would fit.")
    processor.tokenizer.padding_side = "left"  # answers follow questions
    return network.to(device).eval().requires_grad_(False), processor


def _stamp(folder: Path) -> tuple[object, ...]:
    files = sorted(file for file in folder.glob("*") if file.suffix in (".json", ".safetensors"))
    return tuple((file.name, file.stat().st_mtime_ns, file.stat().st_size) for file in files)


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))
