"""`python -m benchmarks.convert_once SOURCE FOLDER TIMES [CODING]`: convert here, without workers; says how many."""

import gc
import sys
from pathlib import Path

from .ours import convert

if __name__ == "__main__":
    source, folder, times = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    coding = sys.argv[4] if len(sys.argv) > 4 else "MMR"
    pages = convert(source, folder, coding)
    gc.freeze()  # as a worker does when it has loaded all it needs (conneg.content.worker_main)
    print(pages + sum(convert(source, folder, coding) for _ in range(times - 1)))
