"""The definition in the database: read, written, by numbers and by names."""
