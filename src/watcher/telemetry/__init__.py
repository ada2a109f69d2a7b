"""What operators see of a running Watcher: logs, traces and metrics.

`logs` and `destination` are for every program; all else imports Logfire, and is imported only where there is a
destination to send to.
"""
