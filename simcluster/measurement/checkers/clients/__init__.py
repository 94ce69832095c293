"""Clients: what each client may count on, from what it wrote and read."""
