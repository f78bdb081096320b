"""Many photos: a stream, shards, Apache Beam, and what is written of them."""
