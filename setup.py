"""What pyproject.toml cannot say: assets/ and presets/ travel inside the package, and requirements.txt names what it needs."""

from __future__ import annotations

from pathlib import Path

from setuptools import find_packages, setup

DATA = {"studio._data.assets": "assets", "studio._data.presets": "presets"}  # found by studio/jobs/paths.py
TESTS = ("pytest",)  # in requirements.txt for the README's second command; the program does without


def needed() -> list[str]:
    """Requirements of the program, as pip reads them."""
    lines = (line.partition("#")[0].strip() for line in Path("requirements.txt").read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith(TESTS)]


setup(
    packages=[*find_packages(include=["studio", "studio.*"]), *DATA],
    package_dir=DATA,
    package_data={"studio": ["families/*/layouts/**"], "studio._data.assets": ["**"], "studio._data.presets": ["**"]},
    include_package_data=False,
    install_requires=needed(),
)
