"""Writes phones.tsv: how Google's parser reads phone numbers of all regions, and where this service's rules differ.

    pip install phonenumbers==9.0.42 && python3 tests/golden/phones.py

The version is that of the metadata in rlibphonenumber 2.2.15 (its Readme says which it has): change them together. With
these two there is no difference that comes from the metadata or the parser; all that there are come from the rules.
"""

import pathlib
import random
import re

import phonenumbers
from phonenumbers import PhoneNumberFormat as Format
from phonenumbers import PhoneNumberType as Type

assert phonenumbers.__version__ == "9.0.42", phonenumbers.__version__

HEADER = """\
# Made by phones.py with phonenumbers 9.0.42. A line has a default region or nothing, a text, the number that Google's
# parser takes it for (nothing: no valid one), and, where this service differs by its rules, what it makes of it:
# PHONE_AMBIGUOUS: without a + the digits are two numbers, one of them with a country code after 00 or nothing.
# A number: 00 is + where the region reads no valid number otherwise.
"""
RANDOM = random.Random(15)


def google(text, region):
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    is_valid = phonenumbers.is_valid_number(number) and not number.extension
    return phonenumbers.format_number(number, Format.E164) if is_valid else None


def difference(text, national):
    """What the service makes of a text without + where it is not what Google's parser makes of it."""
    digits = re.sub(r"\D", "", text)
    international = google("+" + digits.removeprefix("00"), None)
    if international in (None, national):
        return ""
    if national is None:
        return international if digits.startswith("00") else ""
    groups = re.findall(r"\d+", text)
    code = str(phonenumbers.parse(international).country_code)
    is_national_format = len(groups) > 1 and groups == re.findall(
        r"\d+", phonenumbers.format_number(phonenumbers.parse(national), Format.NATIONAL)
    )
    if is_national_format and (groups[0] != code or text.startswith("(")):
        return ""
    return "PHONE_AMBIGUOUS"


def mutated(e164):
    """The number with a digit changed, dropped, doubled or appended."""
    at = RANDOM.randrange(2, len(e164))
    other = RANDOM.choice("0123456789")
    return RANDOM.choice(
        [
            e164[:at] + other + e164[at + 1 :],
            e164[:at] + e164[at + 1 :],
            e164[:at] + e164[at] + e164[at:],
            e164 + other,
        ]
    )


def texts(number, region):
    """Texts of a number, each with its default region."""
    e164 = phonenumbers.format_number(number, Format.E164)
    yield "", e164
    yield "", phonenumbers.format_number(number, Format.INTERNATIONAL)
    yield "", phonenumbers.format_number(number, Format.RFC3966)
    yield "", mutated(e164)
    if region == "001":
        return
    yield region, phonenumbers.format_number(number, Format.NATIONAL)
    yield region, phonenumbers.national_significant_number(number)
    yield region, e164[1:]
    caller = RANDOM.choice(REGIONS)
    yield caller, phonenumbers.format_out_of_country_calling_number(number, caller)


def numbers():
    for region in REGIONS:
        for kind in sorted(phonenumbers.supported_types_for_region(region)):
            example = phonenumbers.example_number_for_type(region, kind)
            if example and kind not in (Type.UNKNOWN, Type.FIXED_LINE_OR_MOBILE):
                yield example, region
    for code in sorted(phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS):
        yield phonenumbers.example_number_for_non_geo_entity(code), "001"


REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
lines = {}
for number, region in numbers():
    for default_region, text in texts(number, region):
        result = google(text, default_region or None)
        differs = "" if text.startswith(("+", "tel:")) else difference(text, result)
        lines[f"{default_region}\t{text}\t{result or ''}\t{differs}".rstrip()] = None
path = pathlib.Path(__file__).with_name("phones.tsv")
path.write_text(HEADER + "\n".join(lines) + "\n", encoding="utf-8")
