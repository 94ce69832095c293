"""What a node is made of: cores, memory, disk, storage, clock."""
