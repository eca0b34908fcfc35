"""When a deferred recipient is tried again: a pure function of how often it was tried and for how long."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Waits grow from `first` by `factor` to `longest`; after `give_up` since receipt it has failed (all seconds).

    RFC 5321, 4.5.4.1 asks for at least 30 minutes between tries and four to five days before giving up; the first
    waits here are shorter, since most temporary failures (greylisting, a directory that restarts) are brief.
    """

    first: float = 60
    factor: float = 2
    longest: float = 4 * 3600
    give_up: float = 5 * 86400

    def wait(self, attempts: int) -> float:
        """Return the seconds to wait after `attempts` (1 or more) tries."""
        exponent = min(max(attempts, 1) - 1, 64)
        return float(min(self.longest, self.first * self.factor**exponent))

    def next_attempt(self, *, attempts: int, received_at: float, now: float) -> float | None:
        """Return when to try again, or None when the time to give up has come."""
        if now - received_at >= self.give_up:
            return None
        return min(now + self.wait(attempts), received_at + self.give_up)
