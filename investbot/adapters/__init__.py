"""Translations between the ports and the outside world; they decide nothing."""
