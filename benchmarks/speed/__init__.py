"""How fast an LREM encodes items and answers queries, and how much memory that takes."""
