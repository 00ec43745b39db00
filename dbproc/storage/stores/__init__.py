"""Places that hold files, here or elsewhere: one module for each protocol, its library imported when it is used."""
