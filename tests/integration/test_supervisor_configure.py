"""Changed settings on their way through the supervisor: who is asked, who is not, and the policy of restarts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from blockbuster import BlockBuster

from investbot.domain.errors import TryAgain, UnknownInstance
from tests.integration.supervision import make_home, make_instance, supervising


@pytest.fixture
def home(tmp_path: Path, blockbuster: BlockBuster) -> Path:
    return make_home(tmp_path / "home")


async def test_a_running_instance_is_asked_and_one_that_does_not_run_is_not(home: Path) -> None:
    make_instance(home, "alpha")
    make_instance(home, "beta")
    async with supervising(home) as (supervisor, call):
        await call("start", names=["alpha"])
        line = await call("configure", name="alpha", by="ana")
        assert (line["ok"], line["running"], line["version"]) == (True, True, 2)
        assert (line["applied"], line["waiting"]) == (["risk.x: 1 -> 2"], [])
        recipe = home / "instances" / "beta" / "recipe.json"
        body = json.loads(recipe.read_text())
        body["restart"]["limit"] = 77
        recipe.write_text(json.dumps(body))
        line = await call("configure", name="beta")
        assert (line["ok"], line["running"], line["applied"]) == (True, False, [])
        assert supervisor._fleet.keepers["beta"].policy.limit == 77
        with pytest.raises(UnknownInstance):
            await call("configure", name="nobody")


async def test_real_money_is_not_touched_before_somebody_says_so(home: Path) -> None:
    make_instance(home, "alpha", live=True)
    make_instance(home, "beta", {"stubborn": True})
    async with supervising(home) as (_, call):
        await call("start", names=["alpha", "beta"], yes=True)
        line = await call("configure", name="alpha")
        assert (line["running"], line["applied"], line["message"]) == (
            True,
            [],
            "trades real money, and nobody confirmed it",
        )
        assert "version" not in line
        assert (await call("configure", name="alpha", yes=True))["version"] == 2
        with pytest.raises(TryAgain, match="first candle"):
            await call("configure", name="beta")
