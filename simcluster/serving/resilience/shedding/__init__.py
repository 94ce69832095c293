"""Load shedding: how requests wait for a server's cores, and which are turned away."""
