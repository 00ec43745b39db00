"""Every SQL statement: schema, store, lock, queue, one module per subject."""
