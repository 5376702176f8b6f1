"""The sub-commands, one noun a module. They import what they need when they run, so that --help is quick."""
