"""What a UNet keeps in memory between its forward and its backward pass, counted from its config. No torch.

Counted in numbers a sample: whatever autograd saves for the backward pass of diffusers' UNet2DConditionModel, block by
block. A test holds it against what autograd really saves. What is smaller than a row a pixel (time embeddings, statistics
of norms, biases) is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from studio.core.footprint import Activations
from studio.families.stable.smaller import Config, heads_of, layers_of

CROSS = ("CrossAttnDownBlock2D", "CrossAttnUpBlock2D")
PLAIN = ("DownBlock2D", "UpBlock2D")


@dataclass
class _UNet:
    """One walk through a config, from the noise to the prediction. side: of the latent, fused: attention keeps no weights."""

    config: Config
    text: int
    fused: bool
    out: Activations = field(default_factory=Activations)

    def block(self, inside: float, entry: float) -> None:
        """A block that can be computed twice: all it saves, of which its input is `entry`."""
        self.out.kept += inside
        self.out.inputs += entry
        self.out.widest = max(self.out.widest, inside)

    def always(self, numbers: float) -> None:
        """What is saved either way."""
        self.out.kept += numbers
        self.out.inputs += numbers

    def resnet(self, c_in: int, c_out: int, pixels: float) -> None:
        """Norm, its activation and the convolution keep their inputs, twice."""
        self.block(3 * (c_in + c_out) * pixels, c_in * pixels)
        shortcut = c_in * c_out * (c_in != c_out)
        self.out.parameters += 9 * (c_in + c_out) * c_out + self.embedding * c_out + shortcut

    def transformer(self, c: int, pixels: float, heads: int, depth: int) -> None:
        """Norm and projection in, `depth` blocks, projection out."""
        self.always(3 * c * pixels)
        weights = 0.0 if self.fused else heads * pixels * (pixels + self.text)
        for _ in range(depth):
            # two norms of attention and their inputs, q, k, v and result; those of the text; a gated layer of 4 c
            self.block((12 + 16) * c * pixels + 2 * c * self.text + weights, c * pixels)
        states = int(self.config["cross_attention_dim"])
        self.out.parameters += 2 * c * c + depth * (18 * c * c + 2 * c * states)

    @property
    def embedding(self) -> int:
        """Width of the time embedding."""
        return int(self.config.get("time_embedding_dim") or 4 * self.config["block_out_channels"][0])

    def walk(self) -> Activations:
        c = self.config
        widths = [int(n) for n in c["block_out_channels"]]
        last = len(widths) - 1
        layers, heads, depths = layers_of(c), heads_of(c), _depths(c, len(widths))
        sides = c["sample_size"] if isinstance(c["sample_size"], Sequence) else [c["sample_size"]] * 2
        pixels = float(sides[0] * sides[1])
        self.always(int(c["in_channels"]) * pixels)
        self.out.parameters += 18 * int(c["in_channels"]) * widths[0] + self.embedding * (widths[0] + self.embedding)
        passed = [(widths[0], pixels)]  # channels and pixels of what the way up reads
        previous = widths[0]
        for i, width in enumerate(widths):
            crossed = _kind(c["down_block_types"][i])
            for layer in range(layers[i]):
                self.resnet(previous if layer == 0 else width, width, pixels)
                if crossed:
                    self.transformer(width, pixels, heads[i], depths[i])
                passed.append((width, pixels))
            previous = width
            if i < last:
                self.always(width * pixels)  # what the convolution that halves the side reads
                self.out.parameters += 18 * width * width  # and the one that doubles it again
                pixels /= 4
                passed.append((width, pixels))
        self.out.skips = sum(n * p for n, p in passed)
        self._middle(widths[-1], pixels, heads[-1], depths[-1])
        for i, width in reversed(list(enumerate(widths))):
            crossed = _kind(c["up_block_types"][last - i])
            for _ in range(layers[i] + 1):
                self.resnet(previous + passed.pop()[0], width, pixels)
                previous = width
                if crossed:
                    self.transformer(width, pixels, heads[i], depths[i])
            if i > 0:
                pixels *= 4
                self.always(width * pixels)
        self.always(3 * widths[0] * pixels)
        return self.out

    def _middle(self, width: int, pixels: float, heads: int, depth: int) -> None:
        kind = self.config.get("mid_block_type", "UNetMidBlock2DCrossAttn")
        if kind is None:
            return
        if kind != "UNetMidBlock2DCrossAttn":
            raise ValueError(f"a middle block of type {kind} is not counted")
        self.resnet(width, width, pixels)
        self.transformer(width, pixels, heads, depth)
        self.resnet(width, width, pixels)


def unet_kept(config: Config, text: int = 77, fused: bool = False) -> Activations | None:
    """Of a UNet2DConditionModel's config; None for another network, or a config with blocks not counted here.

    text: number of text states. fused: attention as accelerators have it; otherwise its weights are kept, pixels² a head.
    """
    try:
        return _UNet(config, text, fused).walk()
    except (KeyError, TypeError, ValueError, IndexError):
        return None


def _kind(name: str) -> bool:
    """Whether a stage has attention to the text."""
    if name not in (*CROSS, *PLAIN):
        raise ValueError(f"a stage of type {name} is not counted")
    return name in CROSS


def _depths(config: Config, n: int) -> list[int]:
    """Transformer blocks of an attention layer, one whole number a stage."""
    value = config.get("transformer_layers_per_block", 1)
    return [int(v) for v in value] if isinstance(value, Sequence) else [int(value)] * n
