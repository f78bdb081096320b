"""From trained weights to the folder of models that recognition runs."""
