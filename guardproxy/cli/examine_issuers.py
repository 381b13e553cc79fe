"""What `guardproxy doctor` says of identity providers: whether their keys can be had, and are of use."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from guardproxy.cli.doctor import Findings
    from guardproxy.oidc.issuer_keys import Fetched
    from guardproxy.settings import Settings


async def examine_issuers(settings: Settings, found: Findings) -> None:
    """Fetch the keys of each issuer, as `guardproxy serve` does. Raises `ConfigurationError`."""
    from guardproxy.cli.compose_tokens import make_verifier

    tries: list[Fetched] = []
    verifier = make_verifier(settings, tries.append)
    if verifier is None:
        return
    for issuer, written in zip(verifier.issuers, settings.auth.oidc, strict=True):
        await issuer.keys.refresh()
        where = written.jwks_url or f"the discovery document of {written.issuer}"
        _tell(found, tries[-1], where)


def _tell(found: Findings, fetched: Fetched, where: str) -> None:
    who = f"identity provider {fetched.issuer}"
    if fetched.failure is not None:
        found.bad(f"{who}: its keys cannot be fetched from {where}: {fetched.failure}")
    elif not fetched.keys:
        found.bad(f"{who}: none of its {fetched.passed_over} keys is of use for the algorithms of the settings")
    else:
        more = f"; {fetched.passed_over} are of no use" if fetched.passed_over else ""
        found.good(f"{who}: {fetched.keys} keys from {where}{more}")
