"""The records: files, products, processes, codes and lineage; reading and writing them."""
