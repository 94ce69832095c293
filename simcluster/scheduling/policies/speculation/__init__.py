"""Copies of tasks that are late."""
