"""The whole record in dictionaries: for tests, demonstrations and embedding. Nothing outlives the process.

Every port method runs without awaiting, so that each is a transaction by itself on one event loop.
"""
