"""Text of people and models, from a grammar of this project's own: no sentence comes from elsewhere."""
