"""Programs that turn files into products: each is run as ``INPUT... OUTPUT`` and needs no controller around it.

The modules here are the programs. Converters open their inputs with what is in :mod:`dbproc.codes.formats`, share
:mod:`dbproc.codes.conversion`, and make datasets that :mod:`dbproc.codes.idx` knows all about.
"""
