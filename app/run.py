"""`python app/run.py --config FILE`: the console command `wirechamber run`, from a checkout that is not installed."""

import os
import sys

# Of the file, for the processes of a search run this again; pathlib takes longer than all that precedes the handler.
sys.path[: not sys.flags.safe_path] = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]  # noqa: PTH100, PTH120
sys.argv.insert(1, "run")

from app.core import interruption  # noqa: E402  (the first statement puts the repository root in place of app/)

interruption.listen()

from app.core.packages import put_first  # noqa: E402  (a signal is remembered before anything large is imported)

put_first()

from app.cli import command  # noqa: E402

if __name__ == "__main__":
    command()
