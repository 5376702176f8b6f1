"""The console in a browser of this machine. `command` starts the server, `session` is one browser window."""
