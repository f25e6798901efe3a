"""What the house asks of the world outside, as Protocols that speak only domain words."""
