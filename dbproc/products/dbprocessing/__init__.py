"""Inspectors that were written for dbprocessing.

The directory ``shim`` is put on the import path of the inspection worker, so that ``import dbprocessing`` finds the
package in it there, and nowhere else.
"""
