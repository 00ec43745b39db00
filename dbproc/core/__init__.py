"""What a mission is, what is stale and why: pure, without system, database or clock."""
