"""What makes things that the project ships; not part of the package."""
