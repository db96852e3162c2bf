"""Distillation Studio: sample, measure and teach distilled diffusion models."""

__version__ = "0.1.0"
