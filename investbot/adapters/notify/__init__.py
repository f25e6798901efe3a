"""Ways out to people: Discord."""
