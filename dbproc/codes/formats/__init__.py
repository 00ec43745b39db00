"""The formats that converters read: where values lie in a file, what they mean, and that all of them are there."""
