"""Finds the modules that are a user's own code, makes them importable, and fingerprints them.

Settings name own code as `module:Class` or `module:function`. The module and the siblings that it imports are treated
as one package: they are what is hashed, imported, and found by the worker processes of Beam.
"""
