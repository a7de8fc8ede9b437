"""The table of an input: every engine's rate, held against the best peer, the paper's code and the limit."""

from dataclasses import dataclass, field

OURS = "cslir"
PAPER = "paper"
LIMIT = "split and hash"
COPY = "memcpy"


@dataclass
class Board:
    """Megabytes of UTF-8 per second on one core by engine, and by number of threads."""

    name: str
    rates: dict[str, float] = field(default_factory=dict)
    by_threads: dict[int, float] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """A line for each engine, the fastest last, and one for the threads."""
        lines = [f"{self.name}: MB/s of UTF-8 on one core"]
        ours = self.rates.get(OURS)
        for engine, rate in sorted(self.rates.items(), key=lambda item: item[1]):
            ratio = f"   cslir is at {ours / rate:8.3g} times this" if ours and engine != OURS else ""
            lines.append(f"  {engine:20} {rate:8.2f}{ratio}")
        if ours and self.peers():
            best = max(self.peers(), key=self.peers().__getitem__)
            lines.append(f"  best peer: {best}; cslir is {ours / self.rates[best]:.1f} times as fast")
        if one := self.by_threads.get(1):
            shares = (f"{n}: {rate:.1f} ({rate / one:.2f}x)" for n, rate in sorted(self.by_threads.items()))
            lines.append(f"  cslir by threads: {', '.join(shares)}")
        return lines

    def peers(self) -> dict[str, float]:
        """The rates of other ways to switch."""
        return {name: rate for name, rate in self.rates.items() if name not in {OURS, LIMIT, COPY}}
