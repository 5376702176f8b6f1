"""A throw-away installation to look at: a believable month, and assistants that go on living.

`data.fill` writes the month, `live` keeps it moving with a scripted model, `place` finds a folder for it and
removes it again. Nothing of the user's own installation is read or touched.
"""
