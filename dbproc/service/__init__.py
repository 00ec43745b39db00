"""The door by HTTP: what commands show is shown and asked for here, by the same calls and with the same answers.

Nothing is worked at here: what arrives is recorded and answered, and runs do the rest. Only this room imports a web
framework, and only ``dbproc serve`` imports this room.
"""
