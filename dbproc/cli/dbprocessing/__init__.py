"""Commands under dbprocessing's names."""
