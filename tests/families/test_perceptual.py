"""The perceptual encoder: real transformers models made small, read from disk; what is damaged; what is not there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from studio.families import perceptual
from studio.families.perceptual import VARIABLE, installed, open_reader, open_words, reads_words
from tests.support.tiny_encoders import save_clip, save_eye

WIDTHS = {"Dinov2Model": 16, "CLIPVisionModel": 16, "CLIPVisionModelWithProjection": 8, "CLIPModel": 8}


@pytest.fixture
def pictures() -> torch.Tensor:
    return torch.rand(5, 3, 40, 40, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("kind", list(WIDTHS))
def test_every_kind_reads_pictures_into_directions(tmp_path: Path, pictures: torch.Tensor, kind: str) -> None:
    reader = open_reader(save_eye(tmp_path / "eye", kind), "eye")
    features = reader.read(pictures)
    assert features.shape == (5, WIDTHS[kind])
    assert features.norm(dim=-1).sub(1).abs().max() < 1e-5
    assert torch.equal(reader.read(pictures), features)
    assert torch.allclose(reader.read(pictures[2:3]), features[2:3], atol=1e-6)  # a picture alone or among others
    assert (features - features[:1]).norm(dim=-1)[1:].min() > 1e-3  # other pictures, other features


def test_the_network_sees_what_its_processor_describes(tmp_path: Path, pictures: torch.Tensor) -> None:
    plain = open_reader(save_eye(tmp_path / "plain", "Dinov2Model"), "plain")
    mean, std = [0.1, 0.2, 0.3], [0.5, 0.6, 0.7]
    folder = save_eye(tmp_path / "eye", "Dinov2Model", image_mean=mean, image_std=std, size={"shortest_edge": 48},
                      crop_size={"height": 42, "width": 42})  # fmt: skip
    reader = open_reader(folder, "eye")
    assert (reader.side, plain.side) == (42, 28)
    seen = torch.nn.functional.interpolate(pictures, size=(42, 42), mode="bicubic", antialias=True).clamp(0, 1)
    wanted = (seen - torch.tensor(mean).view(1, 3, 1, 1)) / torch.tensor(std).view(1, 3, 1, 1)
    with torch.no_grad():
        by_hand = reader.network(pixel_values=wanted).pooler_output
    assert torch.allclose(reader.read(pictures), by_hand / by_hand.norm(dim=-1, keepdim=True), atol=1e-5)
    assert reader.key != plain.key  # the same weights, shown other inputs


def test_clip_keeps_the_size_it_was_made_for(tmp_path: Path, pictures: torch.Tensor) -> None:
    reader = open_reader(save_eye(tmp_path / "eye", "CLIPVisionModel", crop_size={"height": 64, "width": 64}), "eye")
    assert reader.side == 32
    assert reader.read(pictures).shape == (5, 16)


def test_the_key_tells_weights_apart(tmp_path: Path) -> None:
    one, two = (open_reader(save_eye(tmp_path / str(seed), "Dinov2Model", seed), "eye") for seed in (0, 1))
    shutil.copytree(tmp_path / "0", tmp_path / "copy")
    assert one.key != two.key
    assert open_reader(tmp_path / "copy", "eye").key == one.key


def damage(folder: Path, how: str) -> None:
    config, weights = folder / "config.json", folder / "model.safetensors"
    if how == "cut":
        weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
    elif how == "no weights":
        weights.unlink()
    elif how == "no config":
        config.unlink()
    elif how == "not json":
        config.write_text("{")
    elif how == "another model":
        config.write_text(json.dumps({"architectures": ["BertModel"], "model_type": "bert"}))
    elif how == "gone":
        shutil.rmtree(folder)
    else:
        from safetensors.torch import load_file, save_file

        tensors = load_file(weights)
        name = next(name for name in tensors if name.endswith("norm1.weight"))
        tensors = {key: value for key, value in tensors.items() if key != name} if how == "missing" else {
            key: value * float("nan") if key == name else value for key, value in tensors.items()}  # fmt: skip
        save_file(tensors, weights, {"format": "pt"})


@pytest.mark.parametrize(
    ("how", "words"),
    [("cut", "cannot be read"), ("no weights", "no .safetensors file"), ("no config", "has no config.json"),
     ("not json", "is not JSON"), ("another model", "holds BertModel"), ("gone", "is not there"),
     ("missing", "lacks 1 of its weights"), ("nan", "not finite")],
)  # fmt: skip
def test_a_damaged_folder_is_one_sentence(tmp_path: Path, how: str, words: str) -> None:
    damage(save_eye(tmp_path / "eye", "Dinov2Model"), how)
    with pytest.raises((ValueError, FileNotFoundError), match=words) as error:
        open_reader(tmp_path / "eye", "eye")
    assert "\n" not in str(error.value)
    assert "'eye'" in str(error.value)
    assert str(tmp_path) not in str(error.value)


def test_what_is_used_is_named_or_in_the_cache_and_nothing_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    cache = tmp_path / "cache"
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda name, file: look(cache, name, file))
    monkeypatch.delenv(VARIABLE, raising=False)
    assert installed() is None
    snapshot = cache / "openai--clip-vit-base-patch32"
    save_eye(snapshot, "CLIPModel")
    (cache / "facebook--dinov2-small").mkdir()
    (cache / "facebook--dinov2-small" / "config.json").write_text("{}")  # a config without its weights
    assert installed() == (snapshot, "openai/clip-vit-base-patch32")
    shutil.rmtree(cache / "facebook--dinov2-small")
    save_eye(cache / "facebook--dinov2-small", "Dinov2Model")
    assert installed() == (cache / "facebook--dinov2-small", "facebook/dinov2-small")  # the first of `CACHED`
    monkeypatch.setenv(VARIABLE, str(tmp_path / "mine"))
    assert installed() == (tmp_path / "mine", "mine")
    monkeypatch.setenv(VARIABLE, "None")
    assert installed() is None


def look(cache: Path, name: str, file: str) -> str | None:
    """What `huggingface_hub.try_to_load_from_cache` answers: a path in the cache, or None."""
    path = cache / name.replace("/", "--") / file
    return str(path) if path.is_file() else None


def test_the_hub_lays_its_cache_out_as_expected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the real function on a cache folder made by hand, as `snapshot_download` leaves it."""
    monkeypatch.delenv(VARIABLE, raising=False)
    hub = tmp_path / "hub" / "models--facebook--dinov2-small"
    save_eye(hub / "snapshots" / "abc", "Dinov2Model")
    (hub / "refs").mkdir()
    (hub / "refs" / "main").write_text("abc")
    from huggingface_hub import try_to_load_from_cache as real

    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda n, f: real(n, f, cache_dir=tmp_path / "hub"))
    assert installed() == (hub / "snapshots" / "abc", perceptual.CACHED[0])


def test_words_are_read_into_the_space_of_pictures_as_clip_itself_reads_them(tmp_path: Path, pictures: torch.Tensor) -> None:
    import transformers

    folder = save_clip(tmp_path / "clip")
    assert reads_words(folder)
    reader, words = open_reader(folder, "clip"), open_words(folder, "clip")
    lines = ["a red house", "night"]
    found = words.read(lines)
    assert found.shape == (2, reader.read(pictures).shape[1])
    assert found.norm(dim=-1).sub(1).abs().max() < 1e-5
    assert torch.equal(words.read(lines[1:]), found[1:])  # whatever is read beside it
    whole = transformers.CLIPModel.from_pretrained(folder).eval()
    ids = words.tokenizer(lines[0], truncation=True, max_length=12, return_tensors="pt").input_ids
    seen = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    mean, std = (torch.tensor(of).view(1, 3, 1, 1) for of in (reader.mean, reader.std))
    with torch.no_grad():
        theirs = whole(input_ids=ids, pixel_values=(seen - mean) / std).logits_per_image / whole.logit_scale.exp()
    assert torch.allclose(reader.read(seen) @ found[0], theirs[0], atol=1e-5)
    assert words.read(["a very long line of words " * 20]).isfinite().all()  # cut to what CLIP reads


def test_of_the_cached_ones_that_which_reads_words_is_taken_where_words_are_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda name, file: look(tmp_path, name, file))
    monkeypatch.delenv(VARIABLE, raising=False)
    sees, reads = save_eye(tmp_path / "facebook--dinov2-small", "Dinov2Model"), tmp_path / "openai--clip-vit-base-patch32"
    save_eye(reads, "CLIPModel")
    assert installed(words=True) == (sees, "facebook/dinov2-small")  # a CLIP without a tokenizer reads none
    save_clip(reads)
    assert installed(words=True) == (reads, "openai/clip-vit-base-patch32")
    assert installed() == (sees, "facebook/dinov2-small")


def hurt(folder: Path, how: str) -> None:
    if how == "half":
        save_eye(folder, "CLIPVisionModel")
    elif how == "no tokenizer":
        (folder / "merges.txt").unlink()
    elif how == "another tokenizer":
        vocab = {token: i + 500 for token, i in json.loads((folder / "vocab.json").read_text()).items()}
        (folder / "vocab.json").write_text(json.dumps(vocab))
    elif how == "damaged tokenizer":
        (folder / "vocab.json").write_text("{")
    else:
        damage(folder, how)


@pytest.mark.parametrize(
    ("how", "said"),
    [("half", "has no text half"), ("no tokenizer", "has no tokenizer"), ("another tokenizer", "does not belong"),
     ("damaged tokenizer", "The tokenizer of 'clip' cannot be read"), ("cut", "cannot be read"),
     ("no weights", "no .safetensors file")],
)  # fmt: skip
def test_words_that_cannot_be_read_are_one_sentence(tmp_path: Path, how: str, said: str) -> None:
    hurt(save_clip(tmp_path / "clip"), how)
    with pytest.raises((ValueError, FileNotFoundError), match=said) as error:
        open_words(tmp_path / "clip", "clip")
    assert "\n" not in str(error.value)
    assert str(tmp_path) not in str(error.value)
