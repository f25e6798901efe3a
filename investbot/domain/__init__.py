"""The words of the house: immutable values that every other room speaks in."""
