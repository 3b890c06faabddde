"""What searches on a Milvus Lite file read: the rows of a collection, indexed in memory.

Milvus Lite spends Python time on every row for each search. A server does not, and is asked itself.
"""

from engine.replica.replica import Replica
from engine.replica.searcher import ReplicaSearcher

__all__ = ["Replica", "ReplicaSearcher"]
