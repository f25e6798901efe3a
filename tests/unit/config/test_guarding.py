from __future__ import annotations

from pathlib import Path

import pytest

from investbot.config.fleet import FLEET_FILE, check_fleet, load_fleet
from tests.unit.config.builders import write

HEAD = '[fleet]\nhome_id = "h1"\n'


def test_without_a_word_only_the_owner_acts_and_everybody_is_isolated(tmp_path: Path) -> None:
    write(tmp_path, FLEET_FILE, HEAD)
    fleet = load_fleet(tmp_path)
    assert (fleet.control.admins, fleet.control.readers) == ((), ())
    assert (fleet.isolation.read, fleet.isolation.ports) == ((), ())
    assert fleet.isolation.holds("alpha")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write(
        tmp_path,
        FLEET_FILE,
        f'{HEAD}[control]\nadmins = ["ana", 1001]\nreaders = ["@ops", "@1002"]\n'
        '[isolation]\noff = ["alpha"]\nread = ["/srv/models"]\nports = [8443]\n',
    )
    fleet = load_fleet(tmp_path)
    assert (fleet.control.admins, fleet.control.readers) == (("ana", 1001), ("@ops", "@1002"))
    assert (fleet.isolation.read, fleet.isolation.ports) == (("/srv/models",), (8443,))
    assert not fleet.isolation.holds("alpha")
    assert fleet.isolation.holds("beta")
    write(tmp_path, FLEET_FILE, f'{HEAD}[isolation]\noff = ["*"]\n')
    assert not load_fleet(tmp_path).isolation.holds("beta")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[control]\nadmins = "ana"', 'control.admins: write a list, such as ["ana", "@ops"].'),
        ('[control]\nadmins = ["a b"]', "control.admins: 'a b' is neither a user nor a group"),
        ("[control]\nreaders = [-1]", "control.readers: -1 is neither a user nor a group"),
        ("[control]\nreaders = [true]", "control.readers: True is neither"),
        ('[control]\nreaders = ["ana", "ana"]', "control.readers: ana is named twice."),
        ('[isolation]\noff = ["Alpha"]', "isolation.off: 'Alpha' is not the name of an instance"),
        ('[isolation]\nread = ["models"]', "isolation.read: 'models' is not a path from the root"),
        ("[isolation]\nports = [0]", "isolation.ports: 0 is not a port"),
        ("[isolation]\nports = [65536]", "isolation.ports: 65536 is not a port"),
        ("[isolation]\nports = [true]", "isolation.ports: True is not a port"),
        ("[isolation]\nports = [443, 443]", "isolation.ports: 443 is named twice."),
        ("[isolation]\nwrite = []", "isolation.write: there is no such key"),
    ],
)
def test_a_mistake_is_told_in_its_line(tmp_path: Path, text: str, said: str) -> None:
    write(tmp_path, FLEET_FILE, f"{HEAD}{text}\n")
    (mistake,) = check_fleet(tmp_path)
    assert said in str(mistake)
