"""The documentation site: Markdown, docstrings and executed notebooks, read offline with their sound."""
