"""Queries and view models of the console: no Streamlit in here, so that they are tested without it."""
