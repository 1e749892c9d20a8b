"""`python app/run.py --config FILE`: the console command `wirechamber run`, from a checkout that is not installed."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)
sys.argv.insert(1, "run")

from app.cli import command  # noqa: E402  (the first statement puts the repository root in place of app/)

if __name__ == "__main__":
    command()
