"""The log of a process: JSON lines in files that rotate, with known secrets struck out."""
