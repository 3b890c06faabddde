"""Loading the checkpoint that a command works with, and saying which one and how."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.console import err

if TYPE_CHECKING:
    from engine import LREM


def load_lrem(
    model: str | None, device: str | None, dtype: str | None, built_with: str | None = None
) -> LREM:
    """Load a checkpoint, the one that comes with lrem if none is named, and say which to stderr.

    Args:
        model: What ``--model`` or ``LREM_MODEL`` names.
        device: What ``--device`` names.
        dtype: What ``--dtype`` names.
        built_with: The checkpoint that the collection's manifest names, if there is a collection.

    Returns:
        The checkpoint.

    Raises:
        ModelError: It cannot be loaded.
    """
    from engine import LREM
    from engine.model.checkpoint import DEFAULT_CHECKPOINT

    source = model or built_with or DEFAULT_CHECKPOINT
    announce(source)
    lrem = LREM.from_pretrained(source, device=device, dtype=dtype)
    err.print(f"{lrem.source} on {lrem.device_note}", style="dim", highlight=False)
    return lrem


def announce(source: str) -> None:
    """Say so where weights would be fetched from the model hub.

    Args:
        source: As the user named them.
    """
    from engine.model.sources import is_hub_id

    if is_hub_id(source):
        err.print(f"Fetching {source} from the model hub, unless it is in the cache here.")
