"""Learning: models, datasets, training and evaluation of the meter reader."""
