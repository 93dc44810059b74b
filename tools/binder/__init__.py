"""What Binder builds from this repository, and the link that opens it."""
