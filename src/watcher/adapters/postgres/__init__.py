"""The record kept in PostgreSQL, by asyncpg and plain SQL."""
