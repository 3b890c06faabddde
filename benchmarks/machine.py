"""What a measurement ran on: the machine and the versions of the libraries that matter."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_LIBRARIES = (
    "lrem",
    "torch",
    "transformers",
    "sentence-transformers",
    "onnxruntime",
    "pymilvus",
    "milvus-lite",
    "numpy",
    "ir-measures",
)


def machine() -> dict[str, Any]:
    """System, cpu, cores, torch_threads, memory_gib and python, as far as the machine tells."""
    import torch

    return {
        "system": platform.platform(),
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "python": platform.python_version(),
    }


def versions() -> dict[str, str]:
    """Versions of the libraries that decide results and speed."""
    found = {}
    for library in _LIBRARIES:
        # A checkout that is not installed has no version.
        with suppress(PackageNotFoundError):
            found[library] = version(library)
    return found


def _cpu_name() -> str:
    # Linux leaves platform.processor() empty or says x86_64.
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
