"""TFMA metrics by real steps, for the stock Evaluator."""
