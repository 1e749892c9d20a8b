"""One module for each command, with `add_arguments(parser)` and `execute(options)`, imported when it is called."""
