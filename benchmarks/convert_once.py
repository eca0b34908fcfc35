"""`python -m benchmarks.convert_once SOURCE FOLDER TIMES`: convert here, without workers; prints the pages made."""

import sys
from pathlib import Path

from .ours import convert

if __name__ == "__main__":
    source, folder, times = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    print(sum(convert(source, folder) for _ in range(times)))
