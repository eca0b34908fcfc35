"""The launcher of LibreOffice: puts the limits and the fence on itself, then becomes it.

Started by `conneg.content.office` only, as `python -m conneg.content.office_main ORDERS PROGRAM [ARGUMENT...]`, with
`Orders` as JSON. Without arguments it writes what keeps it in to standard output, as JSON, and ends.
"""

import json
import os
import sys
from pathlib import Path

from conneg.content.fence import Orders, grant_cpu, raise_fence, raise_limits


def main() -> int:
    """Become the program; returns the exit status where there is none to become."""
    orders = Orders.from_json(json.loads(sys.argv[1]))
    program, arguments = sys.argv[2], sys.argv[3:]
    raise_limits(orders.limits, has_threads=True)
    grant_cpu(orders.limits, for_good=True)
    fence = raise_fence(orders, Path(program))
    if arguments:
        os.execv(program, [program, *arguments])  # noqa: S606
    print(json.dumps(fence.as_json()))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
