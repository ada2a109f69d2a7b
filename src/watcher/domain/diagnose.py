"""Looks at everything, and says how it is: `watcher doctor`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from watcher.domain.clock import Clock
from watcher.domain.diagnosis import Diagnosis, Finding, failed, ok, warning
from watcher.domain.diagnosis_broker import BrokerExams, BrokerFacts
from watcher.domain.diagnosis_broker import judged as judged_broker
from watcher.domain.diagnosis_database import DatabaseExams, DatabaseFacts
from watcher.domain.diagnosis_database import judged as judged_database
from watcher.domain.diagnosis_settings import Arrangement, contradictions
from watcher.domain.health import JudgeReadiness, Part, PartState, Signs, Vitals
from watcher.domain.queues import BrokerUnavailable, Limits

ADVICE = {
    "database": "See that PostgreSQL runs, and that WATCHER_DATABASE_URL names it, and WATCHER_POOLER_URL where that is set.",
    "migrations": "Run `watcher migrate`, or the Watcher that the database belongs to.",
    "broker": "See that Redis runs, and that WATCHER_BROKER_URL names it and has its password. Requests are served "
    "without it.",
    "beat": "Run `watcher beat` and `watcher worker`; without a broker, `watcher api` or `watcher up`.",
    "sweep": "See in the logs of workers or servers what became of check_timeliness.",
}
"""By part of the readiness, where store or broker itself says nothing better."""

NOT_STARTED = "nothing was started on this database yet: no tick, no sweep, no run"
"""Of a beat and a sweep right after the first migration."""


@dataclass(frozen=True, slots=True)
class Diagnose:
    """Looks into the database and the broker, one after the other, and judges what is found.

    It comes from outside: whether ticks are taken is judged by the record alone, however young this process is.
    """

    vitals: Vitals
    database: DatabaseExams
    broker: BrokerExams
    judge: JudgeReadiness
    clock: Clock
    limits: Limits
    plan: Arrangement
    versions: Sequence[tuple[str, str]]

    async def __call__(self) -> Diagnosis:
        """Raises nothing for what is away: that is a finding."""
        now = self.clock.now()
        signs = await self.vitals.read(now)
        broker = await self.broker.examined()
        away = [str(broker)] if isinstance(broker, BrokerUnavailable) else []
        advice: dict[str, str | None] = dict.fromkeys(("database", "migrations"), signs.advice)
        if isinstance(broker, BrokerUnavailable):
            advice["broker"] = broker.advice
        there = signs.away is None and signs.outdated is None
        facts = await self.database.examined() if there else None
        parts = self.judge(signs, away).parts
        findings = [ok(topic, version) for topic, version in self.versions]
        fresh = isinstance(facts, DatabaseFacts) and _is_fresh(signs, facts)
        findings += [
            ok(name, NOT_STARTED)
            if fresh and name in {"beat", "sweep"}
            else _part(name, part, advice.get(name))
            for name, part in parts.items()
            if part.state is not PartState.UNKNOWN
        ]
        findings += _unknown(parts)
        if isinstance(facts, str):
            findings.append(failed("database", facts, ADVICE["database"]))
        if isinstance(facts, DatabaseFacts):
            findings += judged_database(facts, now)
        if isinstance(broker, BrokerFacts):
            findings += judged_broker(broker, self.limits)
        findings += contradictions(self.plan, facts if isinstance(facts, DatabaseFacts) else None)
        return Diagnosis(list(_each_topic_once(findings)))


def _is_fresh(signs: Signs, facts: DatabaseFacts) -> bool:
    """Whether Watcher was not run on this database so far."""
    unused = facts.work is not None and not facts.work.begun
    return signs.ticked_at is None and signs.swept_at is None and unused


def _part(name: str, part: Part, advice: str | None) -> Finding:
    when = "" if part.at is None else f" The last was that of {part.at:%Y-%m-%d %H:%M:%S} UTC."
    detail = f"{part.detail or 'is there'}{when}" if part.detail or not when else when.strip()
    match part.state:
        case PartState.FAILED:
            return failed(name, detail, advice or ADVICE[name])
        case PartState.OK | PartState.NONE:
            return ok(name, detail)
        case PartState.LATE | PartState.WAITING | PartState.UNKNOWN:
            return warning(name, detail, ADVICE[name])


def _unknown(parts: Mapping[str, Part]) -> Iterator[Finding]:
    """One finding on all that is not known, which has one reason."""
    unknown = {name: part.detail or "" for name, part in parts.items() if part.state is PartState.UNKNOWN}
    if unknown:
        yield warning(
            ", ".join(unknown), " ".join(dict.fromkeys(unknown.values())), "First mend what failed."
        )


def _each_topic_once(findings: Sequence[Finding]) -> Iterator[Finding]:
    """Without the plain statement that a part is there, where more is said of it."""
    topics = [finding.topic for finding in findings]
    for finding in findings:
        if finding.detail != "is there" or topics.count(finding.topic) == 1:
            yield finding
