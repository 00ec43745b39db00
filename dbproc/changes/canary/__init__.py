"""Try a code: build a sample beside the published files, compare, then promote or discard."""
