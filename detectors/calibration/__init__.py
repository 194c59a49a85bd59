"""From counts to probabilities, and from the budget of false alarms to the level of one test."""
