"""The documentation site: pages from Markdown, docstrings and executed notebooks, with their sound, for offline reading."""
