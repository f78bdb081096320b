"""Training of either stage, and the tuning of its learning rate."""
