"""The one base class of every error that LREM raises on purpose."""

from __future__ import annotations


class LremError(Exception):
    """An error that a user can act on.

    Attributes:
        message: What was found, with the file, row, column or numbers it is about.
        remedy: The next step to take; shown on its own line by the CLI.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(f"{message} {remedy}".strip())
        self.message = message
        self.remedy = remedy


class CatalogError(LremError):
    """A catalog that cannot be read: missing, unreadable, unmapped or empty."""
