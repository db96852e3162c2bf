"""What opened models of every family have alike: adapters on their layers, read, put on and taken off again.

A family's own model adds its network, what it reads and what its samples are (`core.family.OpenModel`). What a family cannot
do stays as it is here: one sentence where somebody asks for it.
"""

from __future__ import annotations

import copy
import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import cast

from torch import Tensor, nn

from studio.core.denoiser import Denoiser
from studio.core.edit import Edit, Merged
from studio.core.explain import brief
from studio.core.family import ControlFiles, LineReader, NewWord, OpenModel
from studio.core.footprint import Smaller
from studio.core.kept_hashes import KeptHashes
from studio.core.lowrank import LayerChange
from studio.core.material import ConditionalNetwork
from studio.core.method import Method, Sampling
from studio.core.process import Gaussian
from studio.core.recipe import Recipe
from studio.core.residency import Role
from studio.families import adapter_files
from studio.families.adapter_files import Report
from studio.families.attached import Attached
from studio.families.encoded_lines import EncodedLineReader
from studio.families.resident import Resident
from studio.families.turns import Turns

OWN = "·own"  # the edit of a student in the form of a LoRA, among its adapters
NETWORK = "unet"  # the part that denoises, as files of adapters call it whatever it is


class AdapterFiles:
    """Adapter files as a model knows their layers."""

    layouts: tuple[str, ...] = tuple(adapter_files.LAYOUTS)

    def __init__(self, model: Opened):
        self.model = model

    def read(self, path: Path) -> tuple[Edit, Report]:
        """A file or folder of any layout, and what of it fitted. ValueError in one sentence where it does not fit the model."""
        return adapter_files.read(path, adapter_files.targets(self.model.modules))

    def write(self, edit: Edit, path: Path, layout: str = "diffusers", private: bool = True) -> list[Path]:
        """The files that were written. private: with prompts, settings and date."""
        if layout not in self.layouts:
            raise ValueError(f"The layout {brief(layout)} is unknown; {', '.join(self.layouts)} are there.")
        return adapter_files.write(edit, path, cast(adapter_files.Layout, layout), private=private)

    def merge(self, edits: Sequence[tuple[Edit, float]], folder: Path) -> None:
        """The model with edits at their strengths in its weights, as a folder of its own."""
        raise ValueError(f"{self.model.id} is of a family whose weights take no edits; the edits could be put on it instead.")


class Opened(Resident):
    """id, denoiser: of the model. A network that is no `nn.Module` of its own is found by overriding `modules`."""

    id: str
    denoiser: Denoiser
    hashes: KeptHashes | None = None  # where hashes of weights are kept between processes
    own: tuple[Edit, float] | None = None  # what makes a student of a base's network: always on, at this strength

    @cached_property
    def turns(self) -> Turns:
        """Whose turn it is with the parts; models that share some have one together."""
        return Turns()

    @property
    @abstractmethod
    def hash(self) -> str:
        """Over its weight files."""

    @property
    def modules(self) -> dict[str, nn.Module]:
        """The parts that edits may change, by the first word of a layer's path; the one that denoises is `NETWORK`."""
        network = self.denoiser.network
        assert isinstance(network, nn.Module)
        return {NETWORK: network}

    @property
    def by_role(self) -> dict[Role, list[nn.Module]]:
        encoders = [module for name, module in self.modules.items() if name != NETWORK]
        return {"network": [self.modules[NETWORK]], "encoders": encoders, "vae": []}

    def loose(self) -> Iterator[Tensor]:
        return self._attached.tensors()

    # -- teaching --------------------------------------------------------------------------------------------------

    def line_reader(self) -> LineReader:
        """What reads captions for teaching; conditions that are small are kept as they were read."""
        return EncodedLineReader(cast(OpenModel, self))

    def trainable(self, rank: int | None = None, start: OpenModel | None = None, smaller: Smaller | None = None) -> Denoiser:
        """A float32 copy of the network for training; students are copies of it, or of `start`'s, or adapters on them."""
        return _laid_out(self, rank, start, smaller)

    def cut(self, network: ConditionalNetwork, form: Smaller) -> ConditionalNetwork:
        """A smaller network with the weights of one that stay."""
        raise ValueError(f"Students of {self.id} are cut no smaller; the form full would fit.")

    def lent(self, network: ConditionalNetwork, rank: int | None, alone: bool) -> ConditionalNetwork:
        """What gives copies to train: adapters of a rank, or whole ones. alone: whether its weights are those of the folder."""
        if rank is not None:
            raise ValueError(f"Students of {self.id} are trained whole; the form full would fit.")
        return network

    def trainable_under_adapter(self) -> Denoiser:
        """The same for training an adapter on it, or words that it reads: nothing else of it changes."""
        return self.trainable()

    def recipe_of(self, method: Method, teacher_id: str) -> Recipe:
        """How a student that a method has taught is sampled."""
        how = method.sampling()
        return Recipe(
            teacher=teacher_id,
            teacher_hash=self.hash,
            timesteps=how.timesteps,
            rule=how.rule,
            prediction=self.denoiser.prediction,
            valid_steps=how.valid_steps,
            eta=how.eta,
            note=method.card.title,
        )

    # -- adapters --------------------------------------------------------------------------------------------------

    @cached_property
    def _attached(self) -> Attached:
        return Attached(self.modules)

    @property
    def adapter_files(self) -> AdapterFiles:
        return AdapterFiles(self)

    @property
    def adapter_names(self) -> tuple[str, ...]:
        own = {name for name, _ in self._attached.always}
        return tuple(name for name in self._attached.edits if name not in own)

    def load_adapter(self, name: str, path: Path | str) -> Report:
        """Read an adapter file or folder of any layout, off until a segment names it; returns what of it fitted."""
        self._refuse_known(name)
        edit, report = self.adapter_files.read(Path(path))
        self.load_edit(name, edit)
        return report

    def load_edit(self, name: str, edit: Edit) -> None:
        """Take an edit under a name: its layers off until `use_adapters` names it, its words known at once."""
        self._refuse_known(name)
        self._attached.add(name, edit)
        try:
            if edit.tokens:
                self._learn(name, edit.tokens)
        except ValueError:
            self._attached.remove(name)
            raise

    def unload_adapter(self, name: str) -> None:
        """Forget an edit and its words; the model is then as if it had never been there."""
        self._check_loaded(name)
        if self._attached.edits[name].tokens:
            self.unload_tokens(name)
        self._attached.remove(name)
        self.forget_references(name)

    def use_adapters(self, adapters: Sequence[tuple[str, float]]) -> None:
        """Exactly these (name, strength) pairs are on, negative ones too; their order never matters, and none leaves the
        bare network. Layers of the text encoders change what `encode` gives from now on, and `text_key` with it."""
        wanted = tuple((name, float(strength)) for name, strength in adapters)
        if wanted == self._attached.on:
            return
        for name, strength in wanted:
            self._check_loaded(name)
            if not math.isfinite(strength):
                raise ValueError(f"a strength of {strength} for adapter {name!r} does not fit; a finite number would")
        self._take_turn()
        self._attached.use(wanted)

    @contextmanager
    def using(self, adapters: Sequence[tuple[str, float]]) -> Iterator[None]:
        """These adapters for a while, as for encoding prompts; afterwards those that were on before."""
        before = self._attached.on
        self.use_adapters(adapters)
        try:
            yield
        finally:
            self.use_adapters(before)

    @contextmanager
    def under(self, adapter: LayerChange, strength: float) -> Iterator[None]:
        """With an adapter that is being taught on the network."""
        self._take_turn()
        with self._attached.taught(self.modules[NETWORK], adapter, strength):
            yield

    def _take_turn(self) -> None:
        """Before anything is put on parts that other models may share (`families.turns`)."""
        self.turns.take(self)

    def _before_network(self) -> None:
        self._take_turn()
        self.need("network")

    def step_aside(self) -> None:
        self._attached.aside()

    def step_in(self) -> None:
        self._attached.back()

    def _wear_own(self) -> None:
        """For a student in the form of a LoRA, once it is open."""
        if self.own is not None:
            self._attached.add(OWN, self.own[0])
            self._attached.always = ((OWN, self.own[1]),)

    def make_own(self, network: nn.Module) -> None:
        """Put what makes it a student of its base into the weights of a copy of its network."""
        if self.own is not None:
            edit, strength = self.own
            pairs = {path: pair for path, pair in edit.pairs.items() if path.startswith(f"{NETWORK}.")}
            Merged({NETWORK: network}, [(replace(edit, pairs=pairs), strength)])

    @contextmanager
    def as_base(self) -> Iterator[None]:
        """For a while without what makes it a student of its base, where that is a LoRA."""
        self._take_turn()
        with self._attached.without_always():
            yield

    def _check_loaded(self, name: str) -> None:
        if name not in self.adapter_names:
            raise ValueError(f"adapter {name!r} is not loaded in {self.id}; {', '.join(self.adapter_names) or 'none'} is")

    def _refuse_known(self, name: str) -> None:
        if name in self._attached.edits:
            raise ValueError(f"adapter {name!r} is already loaded; another name would fit")

    # -- references -------------------------------------------------------------------------------------------------

    def refer(self, name: str, pictures: Tensor, attributes: Sequence[Sequence[str]]) -> None:
        """From now on conditions hold what an adapter reads of pictures. As in `core.family.OpenModel`."""
        raise ValueError(f"{self.id} is of a family that hears no references; a model of another one would fit.")

    def forget_references(self, name: str) -> None:
        """Show none to an adapter any more."""
        return

    # -- new words -------------------------------------------------------------------------------------------------

    def new_word(self, word: str, rows: int) -> NewWord:
        raise ValueError(f"{self.id} is of a family that learns no new words; a model of another one would fit.")

    def load_tokens(self, name: str, tokens: Mapping[str, Tensor]) -> None:
        """Let prompts use new words, {"<word>": [n, width]}, under a name."""
        self._refuse_known(name)
        self._learn(name, tokens)

    def _learn(self, name: str, tokens: Mapping[str, Tensor]) -> None:
        raise ValueError(f"{self.id} is of a family that reads no new words, and {name} brings some.")

    def unload_tokens(self, name: str) -> None:
        """Forget the words that were loaded under a name."""
        raise ValueError(f"{self.id} is of a family that reads no new words, so it knows none called {name}.")

    def knowing(self, tokens: Sequence[Mapping[str, Tensor]]) -> AbstractContextManager[None]:
        """For a while just these new words; afterwards those that were known before."""
        if tokens:
            raise ValueError(f"{self.id} is of a family that reads no new words; prompts without them would fit.")
        return nullcontext()

    # -- ControlNets -----------------------------------------------------------------------------------------------

    @property
    def control_files(self) -> ControlFiles:
        raise ValueError(f"{self.id} is of a family that follows no hints; a model of another one would fit.")

    @property
    def control_names(self) -> tuple[str, ...]:
        return ()

    def load_control(self, name: str, path: Path | str, base: OpenModel | None = None) -> None:
        raise ValueError(f"{self.id} is of a family that follows no hints, so {name} cannot be put on it.")

    def take_control(self, name: str, control: nn.Module) -> None:
        raise ValueError(f"{self.id} is of a family that follows no hints, so {name} cannot be put on it.")

    def unload_control(self, name: str) -> None:
        raise ValueError(f"{self.id} is of a family that follows no hints; a model of another one would fit.")

    def use_controls(self, hints: Sequence[tuple[str, float]]) -> None:
        if hints:
            raise ValueError(f"{self.id} is of a family that follows no hints; a model of another one would fit.")


def _laid_out(model: Opened, rank: int | None, start: OpenModel | None, smaller: Smaller | None) -> Denoiser:
    """`Opened.trainable`."""
    if model.denoiser.process.kind != Gaussian.kind:
        said = f"{model.id} is a {model.denoiser.process.kind} process, and"
        raise ValueError(f"{said} what can be taught so far is taught to {Gaussian.kind} ones.")
    if rank is not None and smaller is not None:
        raise ValueError("a smaller student is trained whole: without what was cut from it, its weights are no base for adapters")
    network, started = model.lent(_copy(model), rank, alone=model.own is None), None
    if start is not None:
        assert isinstance(start, Opened)
        if (r := start.recipe) is None:
            raise ValueError(f"{start.id} has no recipe, so it is no student to start from")
        started = Sampling(tuple(r.timesteps), r.rule, tuple(r.valid_steps), r.eta)
    if start is not None or smaller is not None:
        pupil = _copy(start or model)
        begun = pupil if smaller is None else model.cut(pupil, smaller)
        network.teaches(model.lent(begun, rank, alone=False).trainable_copy, started)
    return Denoiser(network, model.denoiser.process, model.denoiser.prediction)


def _copy(model: Opened) -> ConditionalNetwork:
    model.turns.free()  # what it wears would be copied with it
    network = copy.deepcopy(model.denoiser.network)
    assert isinstance(network, ConditionalNetwork)
    model.make_own(network.adapted)
    return network.float()
