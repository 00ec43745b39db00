"""Holding database and disk against each other: every fault by name, place and remedy.

``look`` finds the faults and changes nothing; ``repair`` undoes those that can be undone without loss.
"""
