"""What the attacks hold the server to, and the examples for containers leave room for."""

# MiB beside what the server has when nothing is asked of it
MOST_MEMORY = 1600
