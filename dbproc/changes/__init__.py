"""Changes by people: releases, edited codes, reprocessing, what-if, canaries."""
