"""The commands: each reads its settings, asks the rooms, and answers by `cli.output`."""
