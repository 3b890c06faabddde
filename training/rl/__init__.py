"""Stage 2: reinforcement learning of the reasoner on the rank of the query's own items."""
