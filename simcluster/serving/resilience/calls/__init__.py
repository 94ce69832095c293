"""Policies of a call: time-outs and deadlines, retries, hedged and tied requests."""
