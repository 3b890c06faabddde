"""Errors of training data, recipes and runs."""

from __future__ import annotations

from catalog.errors import LremError


class TrainingError(LremError):
    """Training data, a recipe or a run is not usable; the remedy says what to change."""
