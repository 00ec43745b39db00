"""From inputs to a dataset: what all converters share."""
