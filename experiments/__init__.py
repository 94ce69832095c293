"""The experiments: one question, one file, one figure. Each runs alone: ``python experiments/NAME.py --help``."""
