"""Answers to questions of people: why, lineage, plan, status, statistics."""
