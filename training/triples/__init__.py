"""Query-CoT-Item triples: what both training stages learn from, and how they are made."""
