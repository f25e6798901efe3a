"""The webhook against a Discord of our own on loopback."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from investbot.adapters.notify.address import read_address
from investbot.adapters.notify.discord import DiscordWebhook, judge
from investbot.ports.notifier import Fate, Kind, Notice, Notifier
from tests.fakes.discord import TOKEN, Discord, Reply, discord

NOTICE = Notice(0, Kind.LIFECYCLE, "alpha is RUNNING", "alpha")
HTML = b"<html>error code: 1015</html>"


@pytest.fixture
def server() -> Iterator[Discord]:
    with discord() as server:
        yield server


@pytest.fixture
def webhook(server: Discord) -> Notifier:
    return DiscordWebhook(read_address(server.url), timeout_s=5)


def test_a_message_arrives_with_all_its_notices(server: Discord, webhook: Notifier) -> None:
    assert webhook.fitting([NOTICE, NOTICE]) == 2
    assert webhook.deliver([NOTICE, NOTICE]).fate is Fate.SENT
    (message,) = server.taken
    assert message.titles == ["alpha is RUNNING"] * 2
    assert message.path == f"/api/webhooks/1/{TOKEN}?wait=true"
    assert message.body["allowed_mentions"] == {"parse": []}
    assert "content" not in message.body


@pytest.mark.parametrize(
    ("reply", "fate", "pause_s"),
    [
        (Reply(204), Fate.SENT, 0.0),
        (Reply(200, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "1.5"}), Fate.SENT, 1.5),
        (Reply(200, {"X-RateLimit-Remaining": "4", "X-RateLimit-Reset-After": "1.5"}), Fate.SENT, 0.0),
        (Reply(200, body=HTML), Fate.LATER, None),
        (Reply(429, {"Retry-After": "3"}, b'{"retry_after": 3.25}'), Fate.LATER, 3.25),
        (Reply(429, {"retry-after": "7"}, HTML), Fate.LATER, 7.0),
        (Reply(429, {}, HTML), Fate.LATER, 60.0),
        (Reply(429, {"Retry-After": "nonsense"}, b'{"retry_after": null}'), Fate.LATER, 60.0),
        (Reply(429, {"Retry-After": "1e9"}), Fate.LATER, 3600.0),
        (Reply(429, {"Retry-After": "-1"}), Fate.LATER, 60.0),
        (Reply(400), Fate.UNFIT, 0.0),
        (Reply(413, body=HTML), Fate.UNFIT, 0.0),
        (Reply(401), Fate.REFUSED, None),
        (Reply(403, body=HTML), Fate.REFUSED, None),
        (Reply(404), Fate.REFUSED, None),
        (Reply(500, body=b""), Fate.LATER, None),
        (Reply(503, body=HTML), Fate.LATER, None),
    ],
)
def test_every_answer_is_understood(
    server: Discord, webhook: Notifier, reply: Reply, fate: Fate, pause_s: float | None
) -> None:
    server.replies.append(reply)
    delivery = webhook.deliver([NOTICE])
    assert (delivery.fate, delivery.pause_s) == (fate, pause_s)
    assert bool(delivery.why) is (fate is not Fate.SENT)


def test_a_page_does_not_count_as_taken() -> None:
    assert judge(200, {}, b"\n <!doctype html>").fate is Fate.LATER
    for status, body in ((200, b'{"id": "1"}'), (200, b""), (202, b"ok"), (204, b"")):
        assert judge(status, {}, body).fate is Fate.SENT


def test_a_redirect_is_not_taken_for_an_answer(server: Discord, webhook: Notifier) -> None:
    server.replies.append(Reply(302, {"Location": f"http://127.0.0.1:{server.port}/elsewhere"}))
    delivery = webhook.deliver([NOTICE])
    assert delivery.fate is Fate.LATER
    assert "redirect" in delivery.why


def test_nobody_there_is_no_error(server: Discord) -> None:
    gone = DiscordWebhook(read_address(f"http://127.0.0.1:1/api/webhooks/1/{TOKEN}"), timeout_s=1)
    delivery = gone.deliver([NOTICE])
    assert (delivery.fate, delivery.pause_s) == (Fate.LATER, None)
    assert delivery.why == "Discord cannot be reached (ConnectionError)."


def test_one_who_does_not_answer_is_given_up(server: Discord) -> None:
    server.replies.append(Reply(200, delay_s=1.0))
    slow = DiscordWebhook(read_address(server.url), timeout_s=0.1)
    assert slow.deliver([NOTICE]).why == "Discord cannot be reached (ReadTimeout)."


def test_an_answer_that_is_none_is_no_error(server: Discord, webhook: Notifier) -> None:
    server.replies.append(Reply(302, {"Location": "http://[::bad"}))
    assert webhook.deliver([NOTICE]).fate is Fate.LATER


def test_the_address_is_never_told(
    server: Discord, webhook: Notifier, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    for status in (200, 400, 404, 429, 500):
        server.replies.append(Reply(status))
        assert TOKEN not in repr(webhook.deliver([NOTICE]))
    gone = DiscordWebhook(read_address(f"http://127.0.0.1:1/api/webhooks/1/{TOKEN}"), timeout_s=1)
    assert TOKEN not in repr(gone.deliver([NOTICE]))
    assert TOKEN not in repr(webhook)
    assert TOKEN not in caplog.text
    printed = capsys.readouterr()
    assert TOKEN not in printed.out + printed.err


def test_one_message_is_edited_and_made_anew_where_it_was_deleted(server: Discord) -> None:
    board = DiscordWebhook(read_address(server.url), timeout_s=5)
    delivery, message = board.show(NOTICE, "")
    assert (delivery.fate, message) == (Fate.SENT, "1")
    later = Notice(0, Kind.LIFECYCLE, "1 @everyone FATAL")
    delivery, again = board.show(later, message)
    assert (delivery.fate, again) == (Fate.SENT, message)
    (edit,) = server.edited[message]
    assert edit["embeds"][0]["title"].startswith("1 @")
    assert "@everyone" not in edit["embeds"][0]["title"]
    assert edit["allowed_mentions"] == {"parse": []}
    server.deleted.add(message)
    delivery, gone = board.show(later, message)
    assert (delivery.fate, gone) == (Fate.LATER, "")
    assert board.show(later, gone)[1] == "2"


@pytest.mark.parametrize(
    ("reply", "fate"),
    [
        (Reply(404, body=b'{"message": "Unknown Webhook", "code": 10015}'), Fate.REFUSED),
        (Reply(429, {"Retry-After": "3"}), Fate.LATER),
        (Reply(503, body=HTML), Fate.LATER),
    ],
)
def test_an_edit_that_fails_keeps_its_message(server: Discord, reply: Reply, fate: Fate) -> None:
    board = DiscordWebhook(read_address(server.url), timeout_s=5)
    _, message = board.show(NOTICE, "")
    server.replies.append(reply)
    delivery, again = board.show(NOTICE, message)
    assert (delivery.fate, again) == (fate, message)
    server.replies.append(Reply(503))
    assert board.show(NOTICE, "")[1] == ""
