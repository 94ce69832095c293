"""Where state survives: on a node's own disk, on another's, on several."""
