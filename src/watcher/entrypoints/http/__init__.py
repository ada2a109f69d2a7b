"""Watcher over HTTP."""
