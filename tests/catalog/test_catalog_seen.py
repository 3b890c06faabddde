"""The set of ids."""

from hypothesis import given
from hypothesis import strategies as st

from catalog.seen import SeenIds


@given(st.lists(st.text(max_size=3)))
def test_it_is_a_set(ids):
    seen, expected = SeenIds(), set()
    for id_ in ids:
        assert seen.add(id_) == (id_ not in expected)
        expected.add(id_)


def test_it_grows():
    seen = SeenIds()
    assert all(seen.add(str(i)) for i in range(20_000))
    assert not any(seen.add(str(i)) for i in range(20_000))
