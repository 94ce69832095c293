"""Rigid jobs in a batch queue: gangs, and backfilling by users' estimates."""
