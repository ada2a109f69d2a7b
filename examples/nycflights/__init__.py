"""An incremental ETL over the flights that left New York City in 2013, reported to Watcher."""
