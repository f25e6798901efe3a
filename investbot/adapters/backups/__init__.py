"""Archives of backups: age, zstd, tar, and where they lie."""
