from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from investbot.analysis.structure.zones import Offset, london, new_york, tokyo
from investbot.domain.market import HOUR

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("offset", "place"), [(tokyo, "Asia/Tokyo"), (london, "Europe/London"), (new_york, "America/New_York")]
)
def test_clocks_show_what_the_time_zone_database_says(offset: Offset, place: str) -> None:
    """Every hour around the changes of thirty years, and every eleventh hour of the rest."""
    zone = ZoneInfo(place)
    moment, end = datetime(1998, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)
    while moment < end:
        at = (moment - EPOCH) // timedelta(milliseconds=1)
        local = moment.astimezone(zone).utcoffset()
        assert local is not None
        assert offset(at) == local // timedelta(milliseconds=1), moment
        moment += timedelta(hours=1 if moment.month in {3, 4, 10, 11} and moment.weekday() == 6 else 11)


def test_summer_begins_and_ends_to_the_millisecond() -> None:
    begins = (datetime(2024, 3, 31, 1, tzinfo=UTC) - EPOCH) // timedelta(milliseconds=1)
    assert (london(begins - 1), london(begins)) == (0, HOUR)
    ends = (datetime(2024, 11, 3, 6, tzinfo=UTC) - EPOCH) // timedelta(milliseconds=1)
    assert (new_york(ends - 1), new_york(ends)) == (-4 * HOUR, -5 * HOUR)
