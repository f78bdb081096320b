"""What recognition reaches on labelled photos: outcomes, figures with intervals, pages and pictures."""
