from __future__ import annotations

import re

from guardproxy.audit.events import Event


def test_the_names_are_stable() -> None:
    assert {
        "proxy_started",
        "proxy_stopped",
        "setting_not_used",
        "policy_loaded",
        "policy_reloaded",
        "policy_rejected",
        "policy_not_kept",
        "exchange_completed",
        "exchange_flagged",
        "exchange_redacted",
        "exchange_blocked",
        "exchange_refused",
        "key_refused",
        "keys_reloaded",
        "keys_rejected",
        "key_store_unavailable",
        "key_store_lost",
        "key_use_not_noted",
        "key_store_restored",
        "quota_refused",
        "quota_data_lost",
        "quota_store_lost",
        "quota_store_restored",
        "quota_store_unavailable",
        "shared_state_lost",
        "shared_state_restored",
        "shared_state_unavailable",
        "upstream_failed",
        "guard_failed",
        "client_disconnected",
        "session_key_generated",
        "issuer_unavailable",
        "issuer_keys_loaded",
        "issuer_keys_failed",
        "admin_begun",
        "admin_done",
        "admin_denied",
        "admin_refused",
        "admin_failed",
        "admin_log_failed",
    } == set(Event)


def test_every_event_reads_as_its_name_and_explains_itself_in_one_line() -> None:
    for event in Event:
        assert f"{event}" == event.value == event.name.lower()
        assert event.level in ("info", "warning", "error")
        assert re.fullmatch(r"[A-Z].{10,100}\.", event.meaning)


def test_an_event_is_found_by_its_name() -> None:
    assert Event("exchange_blocked") is Event.EXCHANGE_BLOCKED


def test_only_everyday_traffic_waits_to_be_written() -> None:
    waiting = {event for event in Event if not event.at_once}
    everyday = {Event.EXCHANGE_COMPLETED, Event.EXCHANGE_FLAGGED, Event.EXCHANGE_REDACTED, Event.CLIENT_DISCONNECTED}
    assert everyday == waiting
