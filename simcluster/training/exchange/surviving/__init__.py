"""Parameters survive their server, and rows their worker."""
