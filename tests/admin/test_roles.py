"""Roles are sets of permissions."""

from __future__ import annotations

from guardproxy.admin.roles import GRANTED, Permission, Role


def test_everybody_may_look_and_only_admins_make_admins() -> None:
    assert all(role.may(Permission.READ) for role in Role)
    assert [role for role in Role if role.may(Permission.ADMINISTER)] == [Role.ADMIN]


def test_who_reads_what_callers_wrote_need_not_change_anything_and_the_other_way_round() -> None:
    assert Role.ANALYST.may(Permission.REVEAL)
    assert not Role.ANALYST.may(Permission.OPERATE)
    assert Role.OPERATOR.may(Permission.OPERATE)
    assert not Role.OPERATOR.may(Permission.REVEAL)


def test_each_role_is_granted_something_and_an_admin_everything() -> None:
    assert set(GRANTED) == set(Role)
    assert GRANTED[Role.ADMIN] == set(Permission)
