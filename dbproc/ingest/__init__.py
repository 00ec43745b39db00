"""From incoming into the catalogue."""
