"""Attribute conventions for calls of models, one a file. Each file's tables say what is read from where."""
