"""The files an operator writes."""
