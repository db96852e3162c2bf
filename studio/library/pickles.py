"""Weight files that are programs: refused, with how to make tensors of one that a person trusts."""

from __future__ import annotations

PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl")
# both commands read tensors alone (weights_only) and stop where a file holds more
_FILE = (
    "import sys, torch, safetensors.torch as s; d = torch.load(sys.argv[1], map_location='cpu', weights_only=True); "
    "d = d.get('state_dict', d); s.save_file({k: v.contiguous().clone() for k, v in d.items() if torch.is_tensor(v)}, "
    "sys.argv[1].rsplit('.', 1)[0] + '.safetensors')"
)
_PIPELINE = (
    "import sys; from diffusers import DiffusionPipeline as P; "
    "P.from_pretrained(sys.argv[1], use_safetensors=False).save_pretrained(sys.argv[2])"
)


def is_pickle(name: str) -> bool:
    return name.lower().endswith(PICKLES)


def file_refused(name: str) -> str:
    """Why a weight file is not taken, and the command that converts it where it lies."""
    short = name.rsplit("/", 1)[-1]
    return (
        f"{name} is a pickle, which can run any program when it is opened, so it is not taken; a .safetensors file would fit. "
        f'To convert one that you trust: python -c "{_FILE}" {short}'
    )


def pipeline_refused(repository: str, part: str) -> str:
    """The same for a part of a diffusers folder that has nothing else."""
    return (
        f"{part} of {repository} is there as a pickle alone, which can run any program when it is opened, so it is not taken; "
        f'.safetensors files would fit. To convert one that you trust: python -c "{_PIPELINE}" {repository} converted, '
        "and then add the folder converted."
    )
