"""The names of everything that is ever logged: past tense, stable, closed.

Dashboards and alerts are built on these names, so one is never renamed and never changes its meaning. A refusal by
policy, a caller's mistake and an outage of ours are different events: counting one as another is how guards that
do not run look like attacks that were stopped.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

_WAITS: Final = False


class Event(StrEnum):
    """One log event. `level` is `info`, `warning` or `error`; `meaning` says in one line when it is written.

    `at_once`: its line is written at once, and not with the next few lines. Only everyday traffic can wait.
    """

    level: str
    meaning: str
    at_once: bool

    # The defaults only let a type checker accept the look-up of a member by its name, `Event("proxy_started")`.
    def __new__(cls, name: str, level: str = "", meaning: str = "", at_once: bool = True) -> Event:
        event = str.__new__(cls, name)
        event._value_ = name
        event.level = level
        event.meaning = meaning
        event.at_once = at_once
        return event

    PROXY_STARTED = "proxy_started", "info", "The listeners are open."
    PROXY_STOPPED = "proxy_stopped", "info", "The last exchange has ended and the listeners are closed."
    SETTING_NOT_USED = "setting_not_used", "warning", "A setting is named and not used, since another one decides."
    POLICY_LOADED = "policy_loaded", "info", "A policy was compiled and applies to new exchanges."
    POLICY_RELOADED = "policy_reloaded", "info", "Changed policies were taken over; exchanges that run keep theirs."
    POLICY_REJECTED = "policy_rejected", "error", "Changed policies have mistakes; the last good ones stay in force."
    POLICY_NOT_KEPT = "policy_not_kept", "error", "A revision is in force and could not be kept for a rollback."
    EXCHANGE_COMPLETED = "exchange_completed", "info", "An exchange went through as it was.", _WAITS
    EXCHANGE_FLAGGED = "exchange_flagged", "warning", "An exchange went through though a rule noticed it.", _WAITS
    EXCHANGE_REDACTED = (
        "exchange_redacted",
        "warning",
        "An exchange went through without the text a rule hides.",
        _WAITS,
    )
    EXCHANGE_BLOCKED = "exchange_blocked", "warning", "The policy refused an exchange, or ended its answer."
    EXCHANGE_REFUSED = "exchange_refused", "warning", "The caller's mistake: bad input, a bad key, a size limit."
    KEY_REFUSED = "key_refused", "warning", "A key that opens nothing was presented. Tells its id or a keyed digest."
    KEYS_RELOADED = "keys_reloaded", "info", "The file of keys changed and was taken over."
    KEYS_REJECTED = "keys_rejected", "error", "The changed file of keys has mistakes; the last good one stays in force."
    KEY_STORE_UNAVAILABLE = (
        "key_store_unavailable",
        "error",
        "An exchange was refused since its key could not be asked for. An outage: never an invalid key.",
    )
    KEY_USE_NOT_NOTED = "key_use_not_noted", "warning", "When keys were last used could not be left in their store."
    KEY_STORE_LOST = "key_store_lost", "error", "The store of the keys does not answer: known keys go on for a while."
    KEY_STORE_RESTORED = "key_store_restored", "warning", "The store of the keys answers again."
    QUOTA_REFUSED = "quota_refused", "warning", "A key has used up one of its limits."
    QUOTA_STORE_UNAVAILABLE = (
        "quota_store_unavailable",
        "error",
        "An exchange was refused since its quotas could not be asked. An outage: never a used-up limit.",
    )
    QUOTA_STORE_LOST = (
        "quota_store_lost",
        "error",
        "The store of the quotas does not answer: each quota does what its on_store_error says.",
    )
    QUOTA_DATA_LOST = (
        "quota_data_lost",
        "error",
        "The store of the quotas came back older than it was; this proxy charged its own requests again.",
    )
    QUOTA_STORE_RESTORED = "quota_store_restored", "warning", "The store of the quotas answers again."
    SHARED_STATE_UNAVAILABLE = (
        "shared_state_unavailable",
        "error",
        "An exchange was refused since other proxies' ids and answers could not be asked for. An outage.",
    )
    SHARED_STATE_LOST = (
        "shared_state_lost",
        "error",
        "The store does not tell what other proxies made: each goes on with what it knows itself.",
    )
    SHARED_STATE_RESTORED = "shared_state_restored", "warning", "The store answers that again, and is told what waited."
    UPSTREAM_FAILED = (
        "upstream_failed",
        "error",
        "The upstream was out of reach or too slow, or broke its protocol.",
    )
    GUARD_FAILED = "guard_failed", "error", "A guard could not run. An outage: never a violation, never a pass."
    CLIENT_DISCONNECTED = "client_disconnected", "info", "The caller left before its answer was complete.", _WAITS
    ISSUER_UNAVAILABLE = (
        "issuer_unavailable",
        "error",
        "An exchange was refused since its token's keys could not be had. An outage: never a wrong token.",
    )
    ISSUER_KEYS_LOADED = "issuer_keys_loaded", "info", "An identity provider's keys were fetched: others, or again."
    ISSUER_KEYS_FAILED = (
        "issuer_keys_failed",
        "error",
        "An identity provider's keys could not be fetched; the last ones are good for a bounded time.",
    )
    ADMIN_BEGUN = "admin_begun", "info", "An admin is about to change something."
    ADMIN_DONE = "admin_done", "info", "An admin looked at something or changed it."
    ADMIN_DENIED = "admin_denied", "warning", "The admin API was asked by somebody who may not."
    ADMIN_REFUSED = "admin_refused", "warning", "An admin asked for what cannot be done like that."
    ADMIN_FAILED = "admin_failed", "error", "What an admin asked for could not be done. An outage."
    ADMIN_LOG_FAILED = (
        "admin_log_failed",
        "error",
        "The record of admin actions cannot be written: changes are refused.",
    )
    SESSION_KEY_GENERATED = "session_key_generated", "warning", "No key was configured: one was made for this process."
