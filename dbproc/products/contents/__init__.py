"""Whether two files have the same contents."""
