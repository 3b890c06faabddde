"""The service under load: requests a second and latency with and without micro-batching; soak."""

from __future__ import annotations

from benchmarks.service.load import LoadPoint, Mode, Percentiles, measure_load
from benchmarks.service.process import Served, serving
from benchmarks.service.soak import Soak, SoakPoint, soak

__all__ = [
    "LoadPoint",
    "Mode",
    "Percentiles",
    "Served",
    "Soak",
    "SoakPoint",
    "measure_load",
    "serving",
    "soak",
]
