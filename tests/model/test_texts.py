"""Cleaning, splitting and batching of texts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ModelError
from engine.model.batches import by_length, encodable
from engine.model.thoughts import keyphrases
from engine.model.vectors import normalised


def test_keyphrases_are_split_stripped_and_unique():
    text = " rod and reel,tackle  box ,, Rod and Reel, lure\nkit,"
    assert keyphrases(text) == ("rod and reel", "tackle box", "lure kit")


@given(st.text())
def test_keyphrases_keep_their_order_and_meaning(text):
    phrases = keyphrases(text)
    assert all(phrase and "," not in phrase and phrase == phrase.strip() for phrase in phrases)
    assert len({phrase.casefold() for phrase in phrases}) == len(phrases)
    assert keyphrases(", ".join(phrases)) == phrases


@given(st.lists(st.integers(0, 300)), st.integers(1, 20), st.integers(1, 1000))
def test_every_text_is_in_one_batch_within_the_limits(lengths, max_rows, max_tokens):
    batches = list(by_length(lengths, max_rows, max_tokens))
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    for batch in batches:
        assert 0 < len(batch) <= max_rows
        padded = len(batch) * max(lengths[i] for i in batch)
        assert len(batch) == 1 or padded <= max_tokens


def test_batches_hold_texts_of_like_length():
    assert list(by_length([1, 9, 1, 9], 2, 100)) == [[1, 3], [0, 2]]


@given(st.text(st.characters()))
def test_every_string_becomes_encodable(text):
    assert encodable(text).encode("utf-8") == text.encode("utf-8", "replace")


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0])
def test_an_unusable_vector_is_refused_by_its_number(bad):
    vectors = np.ones((4, 3), np.float32)
    vectors[2] = bad
    with pytest.raises(ModelError, match="text 2 of 4"):
        normalised(vectors)


def test_vectors_have_length_one():
    vectors = normalised(np.array([[3, 4], [0, 1e-15]], np.float32))
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, [[0.6, 0.8], [0, 1]], rtol=1e-6)
