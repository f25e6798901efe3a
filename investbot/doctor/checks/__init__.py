"""One check a file: a NAME and `check(host)`."""
