"""Indexes of one collection: declared, built, loaded, and checked to cover every row.

On a server the dense index is HNSW, and searches use it. On Milvus Lite searches are answered by
engine/replica; the index there, IVF_FLAT with one list, tells which rows a run has finished with,
and is an exact scan for whoever opens the file with pymilvus alone. HNSW would take 91 s to build
at 100,000 x 384.
"""

from __future__ import annotations

import logging
import time
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from engine.errors import StoreError
from engine.lite import LiteFile, quiet_faiss
from engine.manifest import Manifest
from engine.rpc import milvus_call
from engine.schema import DENSE, SPARSE

LITE_INDEX: dict[str, Any] = {"type": "IVF_FLAT", "params": {"nlist": 1}}
SERVER_INDEX: dict[str, Any] = {"type": "HNSW", "params": {"M": 16, "efConstruction": 200}}

_POLL_SECONDS = 0.5

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IndexState:
    """How much of a collection its dense index covers.

    Attributes:
        type: "HNSW" or "IVF_FLAT", or None where no index was built yet.
        rows: Rows stored; replaced versions of a row count until Milvus merges them away.
        indexed: Rows that the index covers; the others are found too, by brute force.
    """

    type: str | None
    rows: int
    indexed: int

    @property
    def built(self) -> bool:
        """Whether the index covers every row."""
        return self.type is not None and self.indexed >= self.rows


class CollectionIndex:
    """The dense index of a collection and, where the server has BM25, the lexical one."""

    def __init__(
        self, client: Any, name: str, manifest: Manifest, lexical: bool, lite: LiteFile | None
    ) -> None:
        self._client = client
        self._name = name
        self._type: str = manifest.index["type"]
        self._params: dict[str, Any] = manifest.index["params"]
        self._metric = manifest.metric
        self._lexical = lexical
        self._lite = lite
        self._loaded = False

    def search_params(self, ef: int) -> dict[str, Any]:
        """What to send along with a dense search; ef is HNSW's breadth."""
        if self._type == "HNSW":
            return {"params": {"ef": ef}}
        return {"params": {"nprobe": self._params["nlist"]}}

    def declare(self) -> None:
        """Declare the indexes that are not declared yet."""
        declared = self._client.list_indexes(self._name)
        wanted = self._client.prepare_index_params()
        if DENSE not in declared:
            # pymilvus flattens parameters; Lite reads them from one named "params" only.
            params = self._params if self._lite is None else {"params": self._params}
            wanted.add_index(
                DENSE, self._type, index_name=DENSE, metric_type=self._metric, params=params
            )
        if self._lexical and SPARSE not in declared:
            wanted.add_index(SPARSE, "SPARSE_INVERTED_INDEX", index_name=SPARSE, metric_type="BM25")
        if len(wanted):
            self._client.create_index(self._name, wanted)

    def load(self) -> None:
        """Make the collection answer searches and look-ups."""
        if self._loaded:
            return
        if self._lite is None:
            self._client.load_collection(self._name)
        else:
            with quiet_faiss():
                self._load_on_lite()
        self._loaded = True

    def _load_on_lite(self) -> None:
        from pymilvus.exceptions import MilvusException

        try:
            self._client.load_collection(self._name)
        except MilvusException as error:
            # A process that died while it wrote an index file leaves half of one.
            _log.warning("The index of %s is damaged and built anew: %s", self._name, error.message)
            self._client.drop_index(self._name, DENSE)
            self.declare()
            self._client.load_collection(self._name)

    def state(self) -> IndexState:
        """How much of the collection the dense index covers."""
        declared = DENSE in self._client.list_indexes(self._name)
        described = self._client.describe_index(self._name, DENSE) if declared else {}
        if self._lite is not None:
            self.load()
            stored, indexed = self._lite.rows_covered(self._name, DENSE)
        else:
            stored = int(described.get("total_rows", 0))
            indexed = stored - int(described.get("pending_index_rows", 0))
        return IndexState(described.get("index_type"), stored, indexed)

    def build(self) -> None:
        """Index every row stored so far and load.

        Raises:
            StoreError: Milvus failed, or the index does not cover every row afterwards.
        """
        disk = self._lite.on_disk() if self._lite is not None else nullcontext()
        with disk, milvus_call(f"build the index of {self._name}"):
            if self._lite is not None:
                self._build_on_lite(self._lite)
            else:
                self._build_on_server()
            state = self.state()
        if not state.built:
            raise StoreError(
                f"The index of {self._name} covers {state.indexed} of {state.rows} rows.",
                "Run lrem index again; it only builds what is missing.",
            )

    def _build_on_lite(self, lite: LiteFile) -> None:
        # Released, Lite leaves indexing to the load below; loaded, it would do so in the
        # background, report it finished at once, and merge what was indexed already.
        self._client.release_collection(self._name)
        self._loaded = False
        with lite.writes:
            self._client.flush(self._name)
            lite.merge_segments(self._name)
        with quiet_faiss():
            self.declare()
            self.load()

    def _build_on_server(self) -> None:
        self._client.flush(self._name)
        self.declare()
        self.load()
        while not self.state().built:
            time.sleep(_POLL_SECONDS)
        # A loaded collection is searched in the segments it was loaded with, new rows by a coarse
        # index made in passing (recall 0.52 on 2.3.5), until the server looks again by itself.
        self._client.refresh_load(self._name)
        # Searches may lag seconds behind; this waits until they see every row.
        self._client.query(self._name, output_fields=["count(*)"], consistency_level="Strong")
