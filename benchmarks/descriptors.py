"""How many files and sockets a process may have open."""

import resource


def allow(count: int) -> None:
    """Raise this process's limit, which those that it starts inherit; RuntimeError naming what is needed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= count:
        return
    if hard != resource.RLIM_INFINITY and hard < count:
        raise RuntimeError(
            f"needs {count:,} open files a process, and the hard limit is {hard:,}: raise it (ulimit -Hn {count})"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
