"""What there is to ask where nothing is kept outside of the process."""


class NoExams:
    """`DatabaseExams` of a store in memory, and `BrokerExams` where there is no broker."""

    def __init__(self, reason: str | None = None) -> None:
        self._reason = reason

    async def examined(self) -> str | None:
        return self._reason
