"""Scenarios as text: YAML and JSON, with the place of each value."""
