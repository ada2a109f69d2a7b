"""Watcher: the metadata service that knows what your data pipelines did."""
