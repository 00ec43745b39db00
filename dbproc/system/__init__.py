"""The machine: processes, signals, names of files, home directories."""
