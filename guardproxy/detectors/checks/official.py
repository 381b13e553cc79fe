"""Official numbers of persons in 56 countries, checked by python-stdnum (extra `pii`).

`OFFICIAL` names each check `<country>-<number>` and the module of the library behind it. Only modules that can tell a
wrong number from a right one by more than its length are in it. A few compare a date of birth with today.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module
from typing import Final

from guardproxy.detectors.checks.context import Check, behind_words

OFFICIAL: Final[Mapping[str, str]] = {
    "ad-nrt": "ad.nrt",
    "ar-cuit": "ar.cuit",
    "at-vnr": "at.vnr",
    "au-tfn": "au.tfn",
    "be-nn": "be.nn",
    "bg-egn": "bg.egn",
    "br-cnpj": "br.cnpj",
    "br-cpf": "br.cpf",
    "ca-sin": "ca.sin",
    "ch-ahv": "ch.ssn",
    "cl-rut": "cl.rut",
    "cn-ric": "cn.ric",
    "co-nit": "co.nit",
    "cu-ni": "cu.ni",
    "cz-rc": "cz.rc",
    "de-idnr": "de.idnr",
    "dk-cpr": "dk.cpr",
    "do-cedula": "do.cedula",
    "ec-ci": "ec.ci",
    "ee-ik": "ee.ik",
    "es-dni": "es.dni",
    "es-nie": "es.nie",
    "fi-hetu": "fi.hetu",
    "fr-nir": "fr.nir",
    "gb-nhs": "gb.nhs",
    "gr-amka": "gr.amka",
    "hr-oib": "hr.oib",
    "id-nik": "id.nik",
    "ie-pps": "ie.pps",
    "il-id": "il.idnr",
    "in-aadhaar": "in_.aadhaar",
    "in-epic": "in_.epic",
    "in-pan": "in_.pan",
    "is-kennitala": "is_.kennitala",
    "it-codicefiscale": "it.codicefiscale",
    "jp-mynumber": "jp.in_",
    "lt-asmens": "lt.asmens",
    "lv-pk": "lv.pvn",
    "mx-curp": "mx.curp",
    "mx-rfc": "mx.rfc",
    "my-nric": "my.nric",
    "nl-bsn": "nl.bsn",
    "no-fodselsnummer": "no.fodselsnummer",
    "nz-ird": "nz.ird",
    "pe-cui": "pe.cui",
    "pk-cnic": "pk.cnic",
    "pl-pesel": "pl.pesel",
    "pt-cc": "pt.cc",
    "pt-nif": "pt.nif",
    "ro-cnp": "ro.cnp",
    "rs-jmbg": "si.emso",
    "ru-inn": "ru.inn",
    "se-personnummer": "se.personnummer",
    "si-emso": "si.emso",
    "sk-rc": "sk.rc",
    "th-pin": "th.pin",
    "tr-tckimlik": "tr.tckimlik",
    "ua-rntrc": "ua.rntrc",
    "us-itin": "us.itin",
    "us-ssn": "us.ssn",
    "uy-rut": "uy.rut",
    "ve-rif": "ve.rif",
    "za-id": "za.idnr",
}

# What the library is asked about. It pads short numbers and reads all kinds of Unicode dashes; patterns do not.
_NUMBER: Final = re.compile(r"[A-Za-z0-9](?:[ ./+\-]{0,2}[A-Za-z0-9]){6,19}")
_SEPARATORS: Final = re.compile(r"[ ./-]")


def official(name: str) -> Check:
    """The check of one of `OFFICIAL`. Raises `ImportError` without python-stdnum."""
    module = import_module(f"stdnum.{OFFICIAL[name]}")

    def is_valid(text: str) -> bool:
        # Which separators stand where is for the rule's pattern to say; some modules know fewer than people write.
        return bool(_NUMBER.fullmatch(text)) and bool(
            module.is_valid(text) or module.is_valid(_SEPARATORS.sub("", text))
        )

    return behind_words(is_valid)
