"""Workloads: histories made so that one glance tells: sets, counters, accounts, identifiers, forks."""
