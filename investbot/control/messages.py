"""The messages of the control socket, strict: an unknown key, verb or type is refused in one sentence."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from investbot.domain.errors import UsageError

M = TypeVar("M", bound="Message")
Name = Annotated[str, StringConstraints(min_length=1, max_length=64)]
"""What a face calls an instance; whether there is one of that name is the supervisor's to say."""
Amount = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,15}(\.[0-9]{1,18})?$")]
"""Money or a price as decimal text, never a float."""
Cause = Annotated[str, StringConstraints(pattern=r"^(operator|fleet:[A-Za-z0-9._$-]{1,48})$")]
"""What a pause is for: an operator's hand, or a limit of the fleet."""

MOST_ITEMS = 200
"""Items of intelligence that one message can hold."""


class Message(BaseModel):
    """Root of all messages: strict types, unknown keys refused, immutable."""

    model_config: ClassVar[ConfigDict] = ConfigDict(strict=True, extra="forbid", frozen=True)


class Request(Message):
    """What a face asks of the supervisor."""

    id: int = Field(ge=0)
    verb: str = Field(max_length=32)
    args: dict[str, Any] = Field(default_factory=dict)


WORD_S = 5.0
"""Seconds between two words to an instance that it is watched, if it does not ask for more."""


class Greeting(Message):
    """Who an instance says it is; `start_time` in clock ticks since boot.

    It wants to hear at least every `word_s` seconds that it is watched.
    """

    name: Name
    pid: int = Field(gt=0)
    start_time: int = Field(ge=0)
    word_s: float = Field(default=WORD_S, ge=0, le=WORD_S)


class Hello(Message):
    """The first line of an instance."""

    hello: Greeting


class StatusFrame(Message):
    """The heartbeat: the instance's row of `status --json` and its phase."""

    status: dict[str, Any]


class EventFrame(Message):
    """One event of the ledger, as it was published."""

    event: dict[str, Any]


class Answer(Message):
    """What an instance answers to a request."""

    id: int = Field(ge=0)
    ok: bool
    result: Any = None
    exit_code: int = 70
    message: str = ""


class InstanceRequest(Message):
    """What the supervisor asks of an instance."""

    action: Literal["pause", "resume", "flatten", "close", "allocate", "configure", "stop", "size", "intelligence"]
    symbol: str | None = None
    amount: Amount | None = None
    stop: Amount | None = None
    by: str = "operator"
    items: list[dict[str, Any]] | None = Field(default=None, max_length=MOST_ITEMS)
    """Intelligence, each item as JSON has it."""
    cause: Cause | None = None
    """None = an operator's; told only where it is another, for an instance may be older than its supervisor."""


class NoArgs(Message):
    """A verb that needs nothing."""

    by: str = Field(default="operator", max_length=64)


class Names(NoArgs):
    """A verb for the named instances, or for all of them."""

    names: list[Name] = []
    all: bool = False


class StartArgs(Names):
    """`yes` confirms the first start of an instance that trades real money.

    `accept_withdrawals` lets it do so with a key that may withdraw.
    """

    yes: bool = False
    accept_withdrawals: bool = False


class WaitArgs(Names):
    """`timeout_s` bounds the wait until flat, in seconds."""

    timeout_s: float = Field(default=30.0, gt=0, le=600)


class PanicArgs(NoArgs):
    """`timeout_s` bounds the wait until flat, in seconds."""

    timeout_s: float = Field(default=30.0, gt=0, le=600)


class CloseArgs(NoArgs):
    """One position of one instance."""

    name: Name
    symbol: str = Field(max_length=64)


class SizeArgs(CloseArgs):
    """The price of the stop, in quote per base."""

    stop: Amount


class AllocateArgs(NoArgs):
    """The whole new allocation of an instance, in quote."""

    name: Name
    amount: Amount


class ConfigureArgs(NoArgs):
    """Let an instance that runs take in its newest settings; `yes` confirms it for one that trades real money."""

    name: Name
    yes: bool = False


class IntelligenceArgs(NoArgs):
    """Tell an instance what the world outside thinks, each item as JSON has it."""

    name: Name
    items: list[dict[str, Any]] = Field(min_length=1, max_length=MOST_ITEMS)


class KeysArgs(NoArgs):
    """Ask the venue of an instance what its keys may do."""

    name: Name


class ReadArgs(NoArgs):
    """Rows of one kind; `since` in milliseconds UTC, `last` keeps the newest rows."""

    kind: str = Field(max_length=32)
    name: Name
    since: int | None = None
    last: int | None = Field(default=None, gt=0)
    symbol: str | None = None
    timeframe: str | None = None


class WatchArgs(Names):
    """Snapshots every `interval_s` seconds, and the events between them."""

    interval_s: float = Field(default=1.0, ge=0.1, le=60)
    events: bool = True


class AuditArgs(NoArgs):
    """Lines of the audit with at >= `since`, milliseconds UTC."""

    since: int | None = None


VERBS: dict[str, type[NoArgs]] = {
    "ping": NoArgs,
    "status": Names,
    "top": Names,
    "start": StartArgs,
    "stop": Names,
    "restart": Names,
    "pause": Names,
    "resume": Names,
    "flatten": WaitArgs,
    "panic": PanicArgs,
    "close": CloseArgs,
    "size": SizeArgs,
    "allocate": AllocateArgs,
    "configure": ConfigureArgs,
    "intelligence": IntelligenceArgs,
    "keys": KeysArgs,
    "read": ReadArgs,
    "watch": WatchArgs,
    "audit": AuditArgs,
    "reload": NoArgs,
    "down": NoArgs,
}
"""Every verb with the shape of its arguments."""


def parse(model: type[M], body: dict[str, Any]) -> M:
    """Read a message; UsageError with the first mistake in one sentence."""
    try:
        return model.model_validate(body)
    except ValidationError as error:
        mistake = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in mistake["loc"]) or "it"
        message = f"The control message is not understood: {where}: {mistake['msg'].lower()}."
        raise UsageError(message) from None


def parse_args(request: Request) -> NoArgs:
    """Read the arguments of a request; UsageError for an unknown verb or wrong arguments."""
    model = VERBS.get(request.verb)
    if model is None:
        raise UsageError(f"The supervisor knows no verb {request.verb!r}; it knows {', '.join(VERBS)}.")
    return parse(model, request.args)
