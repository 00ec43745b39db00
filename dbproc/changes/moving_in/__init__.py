"""Missions of other systems taken over, with all that they hold."""
