"""From the text of a CoT to its keyphrases."""

from __future__ import annotations


def keyphrases(text: str) -> tuple[str, ...]:
    """Split a CoT at its commas.

    Args:
        text: As decoded, without special tokens.

    Returns:
        The phrases in the order written, blanks squeezed, without empty ones and without
        repetitions; case does not tell two phrases apart.
    """
    phrases = (" ".join(part.split()) for part in text.split(","))
    first: dict[str, str] = {}
    for phrase in phrases:
        if phrase:
            first.setdefault(phrase.casefold(), phrase)
    return tuple(first.values())
