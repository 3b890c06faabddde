"""Query-CoT-Item triples, cold start and reinforcement learning of LREM checkpoints."""
