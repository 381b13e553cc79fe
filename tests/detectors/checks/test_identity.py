from __future__ import annotations

import pytest

from guardproxy.detectors.checks.identity import IDENTITY

# Specimens and examples of the published descriptions; the last ones of each list are wrong.
KNOWN = {
    "au-medicare": (["2123 45670 1", "2123456701", "Medicare: 2123 45670 1-1"], ["2123 45671 1", "1123 45670 1"]),
    "de-rvnr": (["15 070649 C 103", "65 170839 J 003", "RVNR 15070649C103"], ["15 070649 C 104", "15 071349 C 103"]),
    "gb-nino": (["AB 12 34 56 C", "ab123456c", "NINO: AB123456C"], ["QQ 12 34 56 C", "GB123456A", "AB123456E"]),
    "hk-hkid": (["A123456(3)", "G123456(A)", "AB987654(3)"], ["A123456(4)", "A12345(3)"]),
    "hu-taj": (["123 456 788", "123456788"], ["123 456 789"]),
    "kr-rrn": (["971013-1019902", "9710131019902"], ["971313-1019902", "971013-9019902"]),
    "ru-snils": (["112-233-445 95", "СНИЛС 11223344595"], ["112-233-445 96", "000-000-000 00"]),
    "sg-nric": (["S1234567D", "T1234567J", "F1234567N", "G1234567X", "M1234567K"], ["S1234567E", "A1234567D"]),
    "tw-id": (["A123456789"], ["A123456788", "A323456789"]),
    "us-mbi": (["1EG4-TE5-MK73", "MBI: 1EG4TE5MK73"], ["1SG4-TE5-MK73", "0EG4-TE5-MK73"]),
}


@pytest.mark.parametrize(("name", "number"), [(name, number) for name, (right, _) in KNOWN.items() for number in right])
def test_a_right_number_is_one(name: str, number: str) -> None:
    assert IDENTITY[name](number)


@pytest.mark.parametrize(("name", "number"), [(name, number) for name, (_, wrong) in KNOWN.items() for number in wrong])
def test_a_wrong_number_is_none(name: str, number: str) -> None:
    assert not IDENTITY[name](number)


def test_all_of_them_are_tried_here() -> None:
    assert set(IDENTITY) == set(KNOWN)
