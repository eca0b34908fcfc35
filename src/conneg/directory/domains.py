"""The directory that the gateway asks: for each domain its own sources, in its own order."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence

from conneg.directory.cache import CachedDirectory
from conneg.directory.chain import ChainDirectory
from conneg.directory.model import Answer, AsksPeers, Directory
from conneg.directory.names import address_key, domain_of


class DomainDirectory:
    """Asks for each recipient the sources of its domain.

    `by_domain` has the sources in order under a domain, under `*.parent` for those below a domain, or under `*`; the
    most particular one that fits holds, and `otherwise` where none does.
    """

    def __init__(
        self,
        otherwise: ChainDirectory,
        by_domain: Mapping[str, ChainDirectory] | None = None,
        *,
        name: str = "directory",
    ) -> None:
        self._otherwise = otherwise
        self._by_domain = dict(by_domain or {})
        self._name = name
        self._peers = [peers for source in self._sources() if (peers := _asks_peers(source)) is not None]

    @property
    def name(self) -> str:
        """What an operator calls it."""
        return self._name

    def chain_for(self, recipient: str) -> ChainDirectory:
        """Return the sources that are asked for `recipient`, in their order."""
        if not self._by_domain:
            return self._otherwise
        domain = domain_of(address_key(recipient))
        found = self._by_domain.get(domain)
        while found is None and domain:
            domain = domain.partition(".")[2]
            found = self._by_domain.get(f"*.{domain}" if domain else "*")
        return found or self._otherwise

    async def lookup(self, recipients: Sequence[str], deadline: float) -> Mapping[str, Answer]:
        """Return an answer for each of `recipients` within `deadline` seconds."""
        known: dict[str, Answer] = {}
        async for answers in self.answers(recipients, deadline):
            known.update(answers)
        return known

    async def answers(
        self, recipients: Sequence[str], deadline: float
    ) -> AsyncGenerator[Mapping[str, Answer], None]:
        """Yield answers as they come; together they are what `lookup` returns."""
        shares = self._share_out(recipients)
        if len(shares) == 1:
            ((chain, share),) = shares
            async for answers in chain.answers(share, deadline):
                yield answers
            return
        lookups = [asyncio.ensure_future(chain.lookup(share, deadline)) for chain, share in shares]
        try:
            for lookup in asyncio.as_completed(lookups):
                yield await lookup
        finally:
            for lookup in lookups:
                lookup.cancel()

    def answers_now(self, recipients: Sequence[str]) -> Mapping[str, Answer] | None:
        """Return what `lookup` would, if no source has to wait for anything; None if one has to."""
        if not self._by_domain:
            return self._otherwise.answers_now(recipients)
        known: dict[str, Answer] = {}
        for chain, share in self._share_out(recipients):
            answers = chain.answers_now(share)
            if answers is None:
                return None
            known.update(answers)
        return known

    def is_asking(self, recipient: str, address: str) -> bool:
        """Say whether the host at IP `address` is being asked about `recipient` now, by any source."""
        return any(peers.is_asking(recipient, address) for peers in self._peers)

    def without_peers(self) -> "DomainDirectory":
        """Return the same but for the sources that ask other mail servers: for who asks them himself."""
        chains = {domain: _without_peers(chain) for domain, chain in self._by_domain.items()}
        return DomainDirectory(_without_peers(self._otherwise), chains, name=self._name)

    async def close(self) -> None:
        """Close the sources that hold something open."""
        await ChainDirectory(self._sources()).close()

    def _sources(self) -> list[Directory]:
        chains = (self._otherwise, *self._by_domain.values())
        return list({id(source): source for chain in chains for source in chain.sources}.values())

    def _share_out(self, recipients: Sequence[str]) -> list[tuple[ChainDirectory, list[str]]]:
        shares: dict[int, tuple[ChainDirectory, list[str]]] = {}
        for recipient in dict.fromkeys(recipients):
            chain = self.chain_for(recipient)
            shares.setdefault(id(chain), (chain, []))[1].append(recipient)
        return list(shares.values())


def _asks_peers(source: Directory) -> AsksPeers | None:
    bare = source.source if isinstance(source, CachedDirectory) else source
    return bare if isinstance(bare, AsksPeers) else None


def _without_peers(chain: ChainDirectory) -> ChainDirectory:
    return ChainDirectory(
        [source for source in chain.sources if _asks_peers(source) is None], name=chain.name
    )
