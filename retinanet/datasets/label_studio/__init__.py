"""Label Studio: exports read, crops and tasks written."""
