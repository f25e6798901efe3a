"""InvestBot: a fleet of isolated, encrypted trading instances."""

__version__ = "0.1.0"
