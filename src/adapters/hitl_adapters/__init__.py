"""Adapters: one package per framework, the same files in each."""
