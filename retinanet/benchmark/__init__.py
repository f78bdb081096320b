"""How long recognition takes with models of several formats, beside what people would use instead."""
