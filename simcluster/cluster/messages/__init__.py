"""Messages, the box that they lie in, and the verdict on each."""
