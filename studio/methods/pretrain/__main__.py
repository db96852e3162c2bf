"""python -m studio.methods.pretrain …: the same as python -m studio.capabilities.pretrain."""

import runpy

if __name__ == "__main__":
    runpy.run_module("studio.capabilities.pretrain", run_name="__main__", alter_sys=True)
