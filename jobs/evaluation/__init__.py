"""How good detection is: scores against the truth, each beside naive baselines."""
