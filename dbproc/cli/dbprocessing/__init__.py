"""The commands under dbprocessing's names."""
