"""Recognition: from a photo to a reading, with NumPy, OpenCV and a model runtime only."""
