"""What a person changes: releases, edited codes, reprocessing, what-if, canaries."""
