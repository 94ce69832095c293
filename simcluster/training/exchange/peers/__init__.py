"""Every worker has parameters, and workers talk to each other."""
