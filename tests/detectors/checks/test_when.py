from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.detectors.checks.when import FIRST_YEAR, LAST_YEAR, date_of_birth

DATES = st.dates(date(FIRST_YEAR, 1, 1), date(LAST_YEAR, 12, 31))


@given(
    DATES, st.sampled_from(["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d-%m-%y", "%d %B %Y", "%B %d, %Y", "%Y年%m月%d日"])
)
def test_each_date_is_one_in_all_its_forms(day: date, form: str) -> None:
    assert date_of_birth(day.strftime(form))
    assert date_of_birth("date of birth: " + day.strftime(form))


@pytest.mark.parametrize(
    "text",
    [
        "12. Mai 1987",
        "née le 12 juin 1987",
        "12 de mayo de 1987",
        "12 augustus 1987",
        "1 gennaio 1987",
        "May 2nd, 1987",
    ],
)
def test_months_have_names_in_several_languages(text: str) -> None:
    assert date_of_birth(text)


@given(st.integers(0, 9999), st.integers(0, 99), st.integers(0, 99))
def test_only_days_of_the_calendar_count(year: int, month: int, day: int) -> None:
    try:
        real = FIRST_YEAR <= year <= LAST_YEAR and bool(date(year, month, day))
    except ValueError:
        real = False
    if year > 31 and year >= 100:
        assert real == date_of_birth(f"{year:04}-{month:02}-{day:02}")


@pytest.mark.parametrize(
    "text", ["31/02/1987", "29.02.1900", "1987-13-42", "12 smarch 1987", "1987", "12.05-1987", "12 May 1492", ""]
)
def test_what_is_no_day_of_a_life_is_none(text: str) -> None:
    assert not date_of_birth(text)
