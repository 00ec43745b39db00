"""Programs that turn files into products: each is run as ``INPUT... OUTPUT`` and needs no controller around it.

Shipped: ``netcdf_to_idx``, ``tiff_to_idx``, ``image_to_idx``, ``mapir_to_idx`` and ``picture``. The converters share
one streaming writer (:mod:`dbproc.codes.idx_writer`); what they write is read back with :mod:`dbproc.codes.idx_reader`.
"""
