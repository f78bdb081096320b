"""Studies on labelled photos: input sizes, lighter networks, formats that read alike."""
