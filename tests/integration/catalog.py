"""What a schema is, to compare one with another."""

from tests.server import fetch

COLUMNS = """
SELECT a.attrelid::REGCLASS::TEXT, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
    a.attidentity::TEXT, a.attgenerated::TEXT, pg_get_expr(d.adbin, d.adrelid),
    col_description(a.attrelid, a.attnum)
FROM pg_attribute AS a
INNER JOIN pg_class AS c ON c.oid = a.attrelid
LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE c.relnamespace = 'public'::REGNAMESPACE AND c.relkind = 'r' AND a.attnum > 0
ORDER BY 1, 2
"""
CONSTRAINTS = """
SELECT conrelid::REGCLASS::TEXT, conname, pg_get_constraintdef(oid)
FROM pg_constraint
WHERE connamespace = 'public'::REGNAMESPACE AND contype <> 'n'
ORDER BY 1, 2
"""
INDEXES = """
SELECT tablename, indexname, indexdef
FROM pg_indexes
WHERE schemaname = 'public'
ORDER BY 1, 2
"""
LABELS = """
SELECT enumtypid::REGTYPE::TEXT, enumsortorder, enumlabel
FROM pg_enum
ORDER BY 1, 2
"""
TABLES = """
SELECT relname, reloptions, relpersistence::TEXT
FROM pg_class
WHERE relnamespace = 'public'::REGNAMESPACE AND relkind = 'r'
ORDER BY 1
"""

Catalog = dict[str, list[tuple[object, ...]]]


async def catalog(dsn: str) -> Catalog:
    queries = {
        "tables": TABLES,
        "columns": COLUMNS,
        "constraints": CONSTRAINTS,
        "indexes": INDEXES,
        "labels": LABELS,
    }
    return {name: await fetch(dsn, query) for name, query in queries.items()}
