"""Transactions: anomalies as cycles of dependencies."""
