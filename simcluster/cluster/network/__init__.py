"""What is between nodes: links, topologies, carriers, and how messages get across."""
