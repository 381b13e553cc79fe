from __future__ import annotations

import pytest

from guardproxy.detectors.checks.official import OFFICIAL, official

# The examples of the library's documentation, as people write them.
NUMBERS = {
    "ad-nrt": "U-132950-X",
    "ar-cuit": "20-05536168-2",
    "at-vnr": "1237 010180",
    "au-tfn": "123 456 782",
    "be-nn": "85.07.30-033.28",
    "bg-egn": "8032056031",
    "br-cnpj": "16.727.230/0001-97",
    "br-cpf": "390.533.447-05",
    "ca-sin": "123-456-782",
    "ch-ahv": "756.9217.0769.85",
    "cl-rut": "12.531.909-2",
    "cn-ric": "360426199101010071",
    "co-nit": "213.123.432-1",
    "cu-ni": "91021027775",
    "cz-rc": "710319/2745",
    "de-idnr": "36 574 261 809",
    "dk-cpr": "211062-5629",
    "do-cedula": "224-0002211-1",
    "ec-ci": "171430710-3",
    "ee-ik": "36805280109",
    "es-dni": "54362315-K",
    "es-nie": "X-2482300-W",
    "fi-hetu": "131052-308T",
    "fr-nir": "2 95 10 99 126 111 93",
    "gb-nhs": "943-476-5870",
    "gr-amka": "01013099997",
    "hr-oib": "33392005961",
    "id-nik": "3171011708450001",
    "ie-pps": "6433435F",
    "il-id": "03933742-3",
    "in-aadhaar": "2341 2341 2346",
    "in-epic": "WKH1186253",
    "in-pan": "ACUPA7085R",
    "is-kennitala": "120174-3399",
    "it-codicefiscale": "RCCMNL83S18D969H",
    "jp-mynumber": "6214 9832 0257",
    "lt-asmens": "33309240064",
    "lv-pk": "161175-19997",
    "mx-curp": "BOXW310820HNERXN09",
    "mx-rfc": "GODE 561231 GR8",
    "my-nric": "770305-02-1234",
    "nl-bsn": "1112.22.333",
    "no-fodselsnummer": "151086 95088",
    "nz-ird": "49-098-576",
    "pe-cui": "10117410-2",
    "pk-cnic": "34201-0891231-8",
    "pl-pesel": "44051401359",
    "pt-cc": "00000000 0 ZZ4",
    "pt-nif": "123 456 789",
    "ro-cnp": "1630615123457",
    "rs-jmbg": "0101006500006",
    "ru-inn": "123456789047",
    "se-personnummer": "880320-0016",
    "si-emso": "0101006500006",
    "sk-rc": "710319/2745",
    "th-pin": "1-2345-45678-78-1",
    "tr-tckimlik": "17291716060",
    "ua-rntrc": "1759013776",
    "us-itin": "912-90-3456",
    "us-ssn": "536-90-4399",
    "uy-rut": "21-100342-001-7",
    "ve-rif": "V-11470283-4",
    "za-id": "750330 5044 08 9",
}
# Numbers without a check digit: a date, a place or a range is all there is to check.
UNCHECKED = {"ad-nrt", "dk-cpr", "id-nik", "in-pan", "my-nric", "mx-rfc", "pk-cnic", "us-itin", "us-ssn", "cu-ni"}


@pytest.mark.parametrize(("name", "number"), NUMBERS.items())
def test_a_right_number_is_one_also_behind_its_word(name: str, number: str) -> None:
    check = official(name)
    assert check(number)
    assert check(f"the number is: {number}")


@pytest.mark.parametrize(("name", "number"), [item for item in NUMBERS.items() if item[0] not in UNCHECKED])
def test_among_the_other_last_characters_few_are_right(name: str, number: str) -> None:
    alphabet = "0123456789" if number[-1].isdigit() else "ABCDEFGHJKLMNPQRSTUVWXYZ"
    others = [number[:-1] + last for last in alphabet if last != number[-1]]
    assert sum(map(official(name), others)) <= 1


@pytest.mark.parametrize("name", OFFICIAL)
@pytest.mark.parametrize("text", ["", "1", "12345", "0" * 11, "A" * 16, "no number", "9" * 64, "12.34.56", "١٢٣٤٥٦٧٨٩"])
def test_what_is_no_number_is_none_and_raises_nothing(name: str, text: str) -> None:
    assert official(name)(text) in (False, text == "0" * 11 and official(name)(text))


def test_all_of_them_are_tried_here() -> None:
    assert set(OFFICIAL) == set(NUMBERS)
    assert len({name[:2] for name in OFFICIAL}) >= 50
