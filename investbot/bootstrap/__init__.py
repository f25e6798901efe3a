"""The only room that knows every other; it builds and returns."""
