"""Checkers: what a history shows of the promises of a store."""
