"""Plugins as host interfaces: one module for each export world of the contract."""
