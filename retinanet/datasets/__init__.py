"""Datasets: labelled photos from many sources, written and read as TensorFlow Datasets."""
