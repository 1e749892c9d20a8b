"""`python app/run.py --config FILE`: the console command `wirechamber run`, from a checkout that nobody installed."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)

from app.cli import main  # noqa: E402  (the line above puts the repository root in place of app/)

if __name__ == "__main__":
    sys.exit(main(["run", *sys.argv[1:]]))
