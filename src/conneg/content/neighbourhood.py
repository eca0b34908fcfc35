"""What lies around each place of a grid: one operation over a window, an axis at a time."""

from typing import TypeVar

import numpy as np
import numpy.typing as npt

Kind = TypeVar("Kind", bound=np.generic)


def over(operation: np.ufunc, values: npt.NDArray[Kind], axis: int, reach: int) -> npt.NDArray[Kind]:
    """Return for each place what `operation` makes of the values within `reach` of it along `axis`."""
    total = values.copy()
    for step in range(1, min(reach, values.shape[axis] - 1) + 1):
        later, sooner = [slice(None), slice(None)], [slice(None), slice(None)]
        later[axis], sooner[axis] = slice(step, None), slice(None, -step)
        for to, source in ((tuple(later), tuple(sooner)), (tuple(sooner), tuple(later))):
            operation(total[to], values[source], out=total[to])
    return total
