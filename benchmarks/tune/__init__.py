"""Learning the gate and the fusion of a checkpoint from judged queries."""
