"""Where the opinions of the world outside come from: JSON and feeds over HTTP, and files."""
