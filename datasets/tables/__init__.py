"""Tables of columns: what a job says of a column, and how files of each kind give it."""
