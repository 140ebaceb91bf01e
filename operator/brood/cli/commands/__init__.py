"""The commands, one file each: options, help and exit codes. What one needs is imported when it runs."""
