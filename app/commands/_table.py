"""Every command with its summary. Nothing is imported for `--help`: the arguments are in the file of the command."""

OPEN_COMMANDS = ("simulate", "convert")
"""Commands whose further options come from the signature of a component."""
GROUPS = {
    "Data": {
        "simulate": "Write simulated data files.",
        "convert": "Turn files of other kinds into files that the loaders read.",
        "merge": "Join shards into one verified file.",
        "check": "Check that a dataset, one of your own too, keeps what the program relies on.",
        "fit-field": "Learn a magnetic field from the states of tracks at two planes.",
        "inspect": "Print what is in a data file and what a loader makes of it, or the weights of a job.",
    },
    "Training": {
        "init": "Write a job that runs from the columns of a data file.",
        "validate": "Check job files; all errors are reported together.",
        "estimate": "Estimate what a job needs: parameters, memory, the largest batch that fits a GPU.",
        "run": "Run a job, every job of a sweep, or a workflow: simulate, train, measure, register.",
    },
    "Results": {
        "evaluate": "Predict and measure with the model of a finished run.",
        "predict": "Predict on other files, which need not hold the truth.",
        "plots": "Redraw the plots of a run from its saved predictions.",
        "compare": "Compare finished runs of one application, with uncertainties.",
        "best": "Show the best run of an application, and copy its model.",
        "benchmark": "Measure how fast finished runs predict; track models are compared with Runge-Kutta.",
        "export": "Write the model of a finished run as ONNX, checked against Keras.",
        "report": "Write one HTML page about all runs that works offline.",
        "track": "Send finished runs to MLflow: those that it missed, or all of them to another server.",
        "registry": "List the registry, or add a note to a run.",
        "show": "Show all about one run: its results, its data, its files, and what to do next.",
        "rename": "Give a run another name.",
        "remove": "Remove the files of runs; the registry keeps that they existed.",
    },
    "HTCondor pool": {
        "submit": "Submit a job, every job of a sweep, or a workflow.",
        "status": "Show the state of submitted runs and update the registry.",
        "resubmit": "Release held jobs and submit failed ones again, with more memory where it was short.",
    },
    "Reference": {
        "list": "List components, or explain one.",
        "schema": "Print the JSON Schema of job files, for editors.",
        "completion": "Print the completion script of a shell: bash, zsh or fish.",
    },
}
"""The commands in the order in which a newcomer needs them."""
COMMANDS = {name: summary for group in GROUPS.values() for name, summary in group.items()}
