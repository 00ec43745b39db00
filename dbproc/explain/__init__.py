"""What a person asks: why, lineage, plan, statistics."""
