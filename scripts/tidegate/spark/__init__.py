"""What every gate on Spark shares: the session, rows that travel, code that executors run."""
