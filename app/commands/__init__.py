"""One module per verb, each with `execute(options) -> int | None`, imported when the verb is called."""
