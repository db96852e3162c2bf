"""Adapter files: diffusers, PEFT and kohya layouts read into an `Edit` and written from one. Opens nothing but safetensors.

edit, report = read(path, targets(parts))       # ValueError in one sentence where the file does not fit
write(edit, path, "kohya", private=False)       # the files that were written
"""

from studio.families.adapter_files.reading import Report, read
from studio.families.adapter_files.targets import targets
from studio.families.adapter_files.writing import LAYOUTS, Layout, write

__all__ = ["LAYOUTS", "Layout", "Report", "read", "targets", "write"]
