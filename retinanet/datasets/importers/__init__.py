"""Importers of labelled photos, a module for each source."""
