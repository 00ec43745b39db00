"""What clients send: tus, forms and ScientistCloud's chunks, all into the same rows, by the same calls."""
