"""The default database: a private PostgreSQL from a wheel, run without any set-up."""
