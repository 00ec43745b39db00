"""What :mod:`dbproc.codes.to_idx` chooses by itself: the program, what of a file, and which axes become timesteps."""
