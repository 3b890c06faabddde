"""What a teacher is asked, in two steps: reason freely, then extract keyphrases."""

from __future__ import annotations

REASON = """\
You help shoppers of an online shop. A shopper typed this query:

{query}

Think about what this shopper needs and why. Which kinds of products, which brands and which \
attributes (material, size, feature, use) would satisfy the need? If it is a question, answer it \
with products. If the shopper wants something else in place of a product, name what comes close. \
If the shopper rules something out, name what remains. Reason freely, in a few sentences, and name \
concrete products."""

EXTRACT = """\
A shopper of an online shop typed this query:

{query}

Someone reasoned about what the shopper needs:

{reasoning}

Extract from this reasoning the keyphrases that find fitting products by their titles.
- Write phrases only, of one to four words each, no sentences.
- Write no duplicates and do not repeat the query.
- Write nothing that is unrelated to products or brands.
- If the query names a brand as its target, write no other brand.
- If the query is a question or asks for an alternative or dupe, write product names, brand names \
or attributes.
- Put the most important phrase first; eight phrases at most.
Answer with the phrases alone, separated by commas, on one line."""


def reason_prompt(query: str) -> str:
    """The first step's prompt.

    Args:
        query: What the shopper typed.

    Returns:
        The text of the user's turn.
    """
    return REASON.format(query=query)


def extract_prompt(query: str, reasoning: str) -> str:
    """The second step's prompt.

    Args:
        query: What the shopper typed.
        reasoning: The first step's answer.

    Returns:
        The text of the user's turn.
    """
    return EXTRACT.format(query=query, reasoning=reasoning)
