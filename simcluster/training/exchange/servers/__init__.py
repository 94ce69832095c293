"""Parameters live on servers, and workers ask them."""
