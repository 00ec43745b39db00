"""What lets files written for other systems run unchanged.

This directory itself is put on the import path of the inspection worker, so that ``import dbprocessing`` finds the
package beside this file there, and nowhere else.
"""
