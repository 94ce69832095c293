"""Who of several users is next."""
