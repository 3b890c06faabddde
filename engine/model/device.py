"""Which device and dtype this machine runs a model best on."""

from __future__ import annotations

import math
import time
from functools import lru_cache

import torch

from engine.errors import ModelError
from engine.model.placement import Placement as Placement

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
# bfloat16 loses digits; below this gain over float32 it is not worth it.
MIN_GAIN = 1.3
_PROBES = 40
_PROBE_SECONDS = 0.1


def place(device: str | None = None, dtype: str | None = None) -> Placement:
    """Choose device and dtype from what the machine really is.

    CUDA comes before Apple's MPS, that before the CPU. CPUs differ a hundredfold in bfloat16, so
    there a probe of some milliseconds decides, once per process.

    Args:
        device: Overrides the choice: ``cpu``, ``mps``, ``cuda`` or ``cuda:N``.
        dtype: Overrides the choice: ``float32``, ``bfloat16`` or ``float16``.

    Returns:
        The placement.

    Raises:
        ModelError: The device or dtype does not exist here.
    """
    if dtype is not None and dtype not in DTYPES:
        raise ModelError(f"There is no dtype {dtype!r}.", f"Choose one of: {', '.join(DTYPES)}.")
    chosen = _best_device() if device is None else _checked(device)
    if dtype is not None:
        return Placement(chosen, dtype, f"{chosen}, {dtype} (as asked)")
    kind = chosen.split(":")[0]
    if kind == "cpu":
        gain = bfloat16_gain()
        best = "bfloat16" if gain >= MIN_GAIN else "float32"
        return Placement(chosen, best, f"{chosen}, {best} (probe: bfloat16 {gain:.2g}x float32)")
    if kind == "cuda":
        native = torch.cuda.get_device_capability(chosen) >= (8, 0)
        best = "bfloat16" if native else "float16"
        return Placement(chosen, best, f"{chosen}, {best} ({torch.cuda.get_device_name(chosen)})")
    return Placement(chosen, "float32", f"{chosen}, float32 (the safe choice there)")


def _best_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _checked(device: str) -> str:
    kind, _, number = device.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (number and not number.isdecimal()):
        raise ModelError(f"There is no device {device!r}.", "Choose cpu, cuda, cuda:N or mps.")
    if kind == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if int(number or 0) >= count:
            raise ModelError(
                f"Device {device!r} is not here: torch {torch.__version__} sees {count} CUDA GPUs.",
                "Leave --device out, or install a CUDA build of torch for this machine.",
            )
    if kind == "mps" and not torch.backends.mps.is_available():
        raise ModelError("Device 'mps' is not here.", "Leave --device out.")
    return device


@lru_cache(maxsize=1)
def bfloat16_gain() -> float:
    """How many times faster this CPU multiplies matrices in bfloat16 than in float32.

    Returns:
        The ratio; about 3 with AVX512-BF16 or AMX, 0.01 on some AVX2-only machines.
    """
    best = dict.fromkeys((torch.float32, torch.bfloat16), math.inf)
    # On one thread, in its CPU time, the best of turns: on a busy machine threads wait for each
    # other, and that must not decide.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    started = time.perf_counter()
    for _ in range(_PROBES):
        for dtype in best:
            best[dtype] = min(best[dtype], _matmul_seconds(dtype))
        if time.perf_counter() - started > _PROBE_SECONDS:
            break
    torch.set_num_threads(threads)
    return best[torch.float32] / best[torch.bfloat16]


def _matmul_seconds(dtype: torch.dtype) -> float:
    a, b = torch.ones(64, 384, dtype=dtype), torch.ones(384, 768, dtype=dtype)
    with torch.inference_mode():
        start = time.thread_time()
        a @ b
        return time.thread_time() - start
