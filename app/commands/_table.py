"""Every command with its summary. Nothing is imported for `--help`: the arguments lie in the file of the command."""

OPEN_COMMANDS = ("simulate", "convert")
"""Commands whose further options come from the signature of a component."""
COMMANDS = {
    "run": "Run a job, every job of a sweep, or a workflow: simulate, train, measure, register.",
    "estimate": "Say what a job needs: parameters, memory, the largest batch that fits a GPU.",
    "submit": "Hand a job, every job of a sweep, or a workflow to an HTCondor pool.",
    "status": "Show what became of submitted runs; the registry follows.",
    "resubmit": "Release held jobs and submit failed ones again, with more memory where it lacked.",
    "init": "Write a job skeleton from the columns of a data file.",
    "validate": "Check job files; every mistake is reported at once.",
    "list": "List components, or explain one.",
    "schema": "Print the JSON Schema of job files, for editors.",
    "simulate": "Write simulated data files.",
    "convert": "Turn files of other kinds into those that the loaders read.",
    "merge": "Join shards into one file, verified.",
    "inspect": "Print what is in a data file and what a loader makes of it, or what a job's weights do.",
    "evaluate": "Predict and measure with a finished run's model.",
    "export": "Write a finished run's model as ONNX, checked against Keras.",
    "benchmark": "Measure how fast finished runs predict, beside Runge-Kutta where they extrapolate.",
    "best": "Show the best run of an application, and copy its model.",
    "plots": "Draw a run's plots again from its saved predictions.",
    "compare": "Hold finished runs of one application against each other, with uncertainties.",
    "report": "Write one HTML page about all runs, that opens without a network.",
    "track": "Send finished runs to MLflow: those that it missed, or all of them to another server.",
    "registry": "List the registry, or note something about a run.",
}
