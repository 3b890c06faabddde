"""Which ids a pass over the catalog has met, in little memory."""

from __future__ import annotations

from array import array

_EMPTY = 0


class SeenIds:
    """A set of ids that keeps eight bytes of each.

    It is an open-addressing table of Python's own 64-bit string hashes: 12 to 24 bytes an id, where
    a set of strings takes over 100. Two different ids collide, and the second is then wrongly
    taken for a duplicate, with a probability of about n^2 / 2^65 over n ids: 3 in 100 million for a
    catalog of a million products, 3 in a million for ten million.
    """

    def __init__(self) -> None:
        self._table = array("q", bytes(8 << 10))
        self._count = 0

    def add(self, id_: str) -> bool:
        """Note an id.

        Args:
            id_: The id.

        Returns:
            Whether it is new.
        """
        key = hash(id_) or 1
        slot = self._slot(key)
        if self._table[slot] == key:
            return False
        self._table[slot] = key
        self._count += 1
        if 3 * self._count > 2 * len(self._table):
            self._grow()
        return True

    def __contains__(self, id_: object) -> bool:
        key = hash(id_) or 1
        return self._table[self._slot(key)] == key

    def _slot(self, key: int) -> int:
        """Where the key is, or belongs."""
        table, mask = self._table, len(self._table) - 1
        slot = key & mask
        while table[slot] != _EMPTY and table[slot] != key:
            slot = (slot + 1) & mask
        return slot

    def _grow(self) -> None:
        keys = self._table
        self._table = array("q", bytes(16 * len(keys)))
        for key in keys:
            if key != _EMPTY:
                self._table[self._slot(key)] = key
