"""The world: tenants, organisations and accounts, drawn once from the seed and the scale."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from simulator import habits, network
from simulator.authors import Author, PersonAuthor, TemplateAuthor
from simulator.dice import Dice
from simulator.fleet import MODELS, Model, app_agent, sdk_agent
from simulator.habits import Habit, Kind
from simulator.network import Site
from simulator.text.composer import Composer
from vigil.errors import UsageError


class Scale(msgspec.Struct, frozen=True, gc=False):
    """How large a world is."""

    accounts: int
    calls_per_day: int
    tenants: int


SCALES = {
    "tiny": Scale(accounts=150, calls_per_day=6_000, tenants=2),
    "small": Scale(accounts=400, calls_per_day=24_000, tenants=2),
    "medium": Scale(accounts=3_000, calls_per_day=240_000, tenants=2),
    "large": Scale(accounts=30_000, calls_per_day=2_400_000, tenants=3),
}

_TENANTS = ("lumen-chat", "orbit-api", "tessera")
_REGIONS = {"US": "us", "CA": "us", "MX": "us", "BR": "us", "IN": "ap", "JP": "ap", "AU": "ap", "SG": "ap"}
_MAIL = ("mail.example.com", "post.example.org", "inbox.example.net", "webmail.example.com")


class Organisation(msgspec.Struct, frozen=True, gc=False):
    """Who pays. `office`: the site its people share; None for private persons."""

    org_id: str
    tenant_id: str
    country: str
    office: Site | None
    email_domain: str
    payment: str
    sends_content: bool
    guarded: bool


class Account(msgspec.Struct, frozen=True, eq=False, gc=False):
    """One account and everything its calls have in common."""

    account_id: str
    org: Organisation
    source: str
    habit: Habit
    author: Author
    sites: tuple[Site, ...]
    agents: tuple[str, ...]
    keys: tuple[str, ...]
    models: tuple[Model, ...]
    created_at: datetime
    email_domain: str
    payment: str
    refusal_rate: float
    zone_hours: int
    end_users: int = 0
    temperature: float | None = None

    @property
    def tenant_id(self) -> str:
        """The tenant of its organisation."""
        return self.org.tenant_id


class World:
    """Everybody who calls, before any scenario. The same seed and scale give the same world."""

    def __init__(self, seed: int, scale: str, epoch: datetime, pool: Sequence[str] = ()) -> None:
        if scale not in SCALES:
            raise UsageError(f"no scale {scale!r}; scales are {', '.join(SCALES)}")
        self.seed = seed
        self.scale = SCALES[scale]
        self.epoch = epoch.astimezone(UTC)
        """The start of the simulation: accounts are of an age as of then."""
        self.composer = Composer(seed, pool)
        self.tenants = _TENANTS[: self.scale.tenants]
        self.accounts: tuple[Account, ...] = tuple(self._populate(Dice.of(seed, "world", scale)))

    def _populate(self, dice: Dice) -> Iterator[Account]:
        target = self.scale.accounts
        # Lognormal activity: its mean is what the scale promises, its median a fraction of that.
        sigma = 1.5
        median = self.scale.calls_per_day / target / math.exp(sigma**2 / 2)
        made = 0
        while made < target:
            tenant = self.tenants[0] if dice.chance(0.6) else dice.pick(self.tenants[1:])
            what = dice.unit()
            if what < 0.72:
                org = self.organisation(dice, tenant)
                members = [self.person(dice, org, min(900.0, dice.lognormal(median, sigma)))]
            elif what < 0.94:
                org = self.organisation(dice, tenant, office=True)
                size = min(target // 8, max(2, int(dice.lognormal(6, 0.9))))
                members = [self.member(dice, org, min(900.0, dice.lognormal(median, sigma))) for _ in range(size)]
            else:
                org = self.organisation(dice, tenant, office=True)
                author = self.application(dice)
                members = [
                    self.service(dice, org, author, min(4000.0, dice.lognormal(median * 4, 1.2)))
                    for _ in range(dice.whole(1, 3))
                ]
            yield from members[: target - made]
            made += len(members)

    def organisation(
        self, dice: Dice, tenant: str, *, office: bool = False, content: bool | None = None
    ) -> Organisation:
        """A new organisation. `content`: whether its telemetry carries text (three quarters do)."""
        country = dice.zipf(network.COUNTRIES)
        identity = dice.hex(10)
        domain = f"{dice.zipf(self.composer.names.products).lower()}.example.{dice.pick(('com', 'org', 'net'))}"
        return Organisation(
            org_id=f"org_{identity}",
            tenant_id=tenant,
            country=country,
            office=network.office(dice, country) if office else None,
            email_domain=domain if office else dice.zipf(_MAIL),
            payment=f"pay_{dice.hex(12)}",
            sends_content=dice.chance(0.75) if content is None else content,
            guarded=dice.chance(0.3),
        )

    def person(
        self,
        dice: Dice,
        org: Organisation,
        calls_per_day: float,
        *,
        created_at: datetime | None = None,
        payment: str | None = None,
    ) -> Account:
        """A private person in the chat application."""
        sites = [network.home(dice, org.country)]
        if dice.chance(0.6):
            sites.append(network.carrier(dice, org.country))
        if dice.chance(0.03):
            sites.append(network.proxy(dice))
        return self._account(
            dice,
            org,
            habit=habits.person(dice, calls_per_day),
            author=PersonAuthor(self.composer, self.composer.persona(dice, org.country)),
            sites=tuple(sites),
            agents=tuple(dict.fromkeys(app_agent(dice) for _ in range(dice.whole(1, 2)))),
            keys=1,
            created_at=created_at,
            payment=payment,
        )

    def member(
        self, dice: Dice, org: Organisation, calls_per_day: float, *, created_at: datetime | None = None
    ) -> Account:
        """Somebody at a company or school: at the office, at home, on the way."""
        assert org.office is not None
        sites = [org.office, org.office]
        if dice.chance(0.7):
            sites.append(network.home(dice, org.country))
        programs = dice.chance(0.35)
        return self._account(
            dice,
            org,
            habit=habits.member(dice, calls_per_day),
            author=PersonAuthor(self.composer, self.composer.persona(dice, org.country)),
            sites=tuple(sites),
            agents=tuple((sdk_agent if programs else app_agent)(dice) for _ in range(dice.whole(1, 2))),
            keys=dice.whole(1, 3) if programs else 1,
            created_at=created_at,
        )

    def service(
        self, dice: Dice, org: Organisation, author: Author, calls_per_day: float, habit: Habit | None = None
    ) -> Account:
        """An application's account: a template of its own, users of its own, machines in a cloud."""
        return self._account(
            dice,
            org,
            habit=habit or habits.service(dice, calls_per_day),
            author=author,
            sites=tuple(network.cloud(dice) for _ in range(dice.whole(1, 3))),
            agents=(sdk_agent(dice),),
            keys=dice.whole(1, 4),
            end_users=dice.whole(20, 2000),
            temperature=dice.pick((0.0, 0.2, 0.7, 1.0)),
        )

    def application(self, dice: Dice) -> TemplateAuthor:
        """The prompt template of a new application."""
        return TemplateAuthor.random(self.composer, dice)

    def _account(
        self,
        dice: Dice,
        org: Organisation,
        *,
        habit: Habit,
        author: Author,
        sites: tuple[Site, ...],
        agents: tuple[str, ...],
        keys: int,
        end_users: int = 0,
        temperature: float | None = None,
        created_at: datetime | None = None,
        payment: str | None = None,
    ) -> Account:
        if created_at is None:
            created_at = self.epoch - timedelta(days=min(1200.0, dice.lognormal(160, 1.1)), hours=1)
        region = _REGIONS.get(org.country, "eu")
        return Account(
            account_id=f"acct_{dice.hex(12)}",
            org=org,
            source=f"{org.tenant_id}-gateway-{region}-{1 + dice.below(2)}",
            habit=habit,
            author=author,
            sites=sites,
            agents=agents,
            keys=tuple(f"key_{dice.hex(16)}" for _ in range(keys)),
            models=tuple(dice.sample(MODELS, dice.whole(1, 3))),
            created_at=created_at,
            email_domain=org.email_domain,
            payment=payment or org.payment,
            refusal_rate=min(0.08, dice.lognormal(0.006, 0.8)),
            zone_hours=network.ZONES[org.country],
            end_users=end_users,
            temperature=temperature,
        )

    def people(self, *, content: bool = True) -> list[Account]:
        """Accounts of persons, at home or at work, in their fixed order."""
        return [
            account
            for account in self.accounts
            if account.habit.kind in (Kind.PERSON, Kind.MEMBER) and account.org.sends_content is content
        ]
