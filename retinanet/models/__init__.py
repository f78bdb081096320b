"""The networks of both stages: backbones, layers, what anchors learn, and models as files."""
