"""Personal data that belongs to nobody, drawn at random, and things that only look like it.

Check digits are worked out here, apart from the libraries that the search asks.
"""

from __future__ import annotations

import string
from random import Random
from uuid import UUID

_DIGITS = string.digits
_NO_AREAS = (666,)
_AMEX = 15
_ALNUM = string.ascii_letters + string.digits
_FIRST = (
    "alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy", "mallory", "niaj", "olivia",
    "peggy", "rupert", "sybil", "trent", "wei", "li", "na",
)  # fmt: skip
_LAST = (
    "smith", "jones", "zhang", "wang", "chen", "garcia", "mueller", "rossi", "dubois", "tanaka", "kim", "singh",
    "silva", "novak", "brown", "taylor", "o'neil",
)  # fmt: skip
_DOMAINS = (
    "example.com",
    "example.org",
    "mail.example.co.uk",
    "qq.com",
    "163.com",
    "gmail.com",
    "corp.example.cn",
    "uni.example.de",
    "firma-beispiel.de",
    "outlook.com",
    "sub.dept.example.gov",
    "example.io",
)


def digits(draw: Random, count: int) -> str:
    """Return so many digits."""
    return "".join(draw.choice(_DIGITS) for _ in range(count))


def chance(draw: Random, share: float) -> bool:
    """Return True in that share of the draws."""
    return draw.random() < share


def word(draw: Random, count: int, letters: str = _ALNUM) -> str:
    """Return so many of *letters*."""
    return "".join(draw.choice(letters) for _ in range(count))


def luhn(body: str) -> str:
    """Return *body* with Luhn's check digit behind it."""
    total = 0
    for at, digit in enumerate(reversed(body)):
        value = int(digit) * (2 if at % 2 == 0 else 1)
        total += value % 10 + value // 10
    return body + str(-total % 10)


def email(draw: Random) -> str:
    """Return an e-mail address."""
    first, last = draw.choice(_FIRST), draw.choice(_LAST)
    local = draw.choice(
        [f"{first}.{last}", f"{first}{draw.randrange(100)}", f"{first}_{last}", f"{first[0]}{last}+news", first]
    )
    local = local if chance(draw, 0.85) else local.title()
    return f"{local}@{draw.choice(_DOMAINS)}"


def chinese_mobile(draw: Random) -> str:
    """Return a mobile number of China's, as people write them."""
    head, rest = draw.choice(["138", "139", "150", "159", "186", "187", "176", "199", "133"]), digits(draw, 8)
    spaced = draw.choice([f"{head}{rest}", f"{head} {rest[:4]} {rest[4:]}", f"{head}-{rest[:4]}-{rest[4:]}"])
    return draw.choice(["", "", "", "+86 ", "+86", "0086 "]) + spaced


def chinese_landline(draw: Random) -> str:
    """Return a landline number of China's, or a service's."""
    area = draw.choice(["010", "021", "020", "0755", "0571", "028"])
    number = draw.choice("5678") + digits(draw, 7)
    return draw.choice(
        [
            f"{area}-{number}",
            f"({area}){number}",
            f"{area} {number[:4]} {number[4:]}",
            f"400-{digits(draw, 3)}-{digits(draw, 4)}",
        ]
    )


def american_phone(draw: Random) -> str:
    """Return a number of North America's."""
    area, middle, last = (
        draw.choice(["415", "212", "646", "310", "512", "206"]),
        draw.choice("2345678") + digits(draw, 2),
        digits(draw, 4),
    )
    middle = "555" if middle[1:] == "11" else middle
    return draw.choice(
        [
            f"({area}) {middle}-{last}",
            f"{area}-{middle}-{last}",
            f"{area}.{middle}.{last}",
            f"+1 {area} {middle} {last}",
            f"1-{area}-{middle}-{last}",
        ]
    )


def foreign_phone(draw: Random) -> str:
    """Return a number with another country's code."""
    return draw.choice(
        [
            f"+44 20 7946 0{digits(draw, 3)}",
            f"+49 30 {draw.choice('23456')}{digits(draw, 7)}",
            f"+33 6 12 {digits(draw, 2)} {digits(draw, 2)} {digits(draw, 2)}",
            f"+81 90-{draw.choice('123456789')}{digits(draw, 3)}-{digits(draw, 4)}",
            f"+852 {draw.choice(['9123', '9876', '6123'])} {digits(draw, 4)}",
            f"+91 98{digits(draw, 3)} {digits(draw, 5)}",
        ]
    )


def chinese_id(draw: Random) -> str:
    """Return an identity number of China's (GB 11643)."""
    area = draw.choice(["110101", "310104", "440305", "510107", "330106", "420111"])
    body = f"{area}{draw.randint(1950, 2008)}{draw.randint(1, 12):02}{draw.randint(1, 28):02}{digits(draw, 3)}"
    weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]
    check = "10X98765432"[sum(weight * int(digit) for weight, digit in zip(weights, body, strict=True)) % 11]
    return body + (check if chance(draw, 0.8) else check.lower())


def social_security(draw: Random) -> str:
    """Return a social security number of the United States'."""
    area = draw.choice([one for one in range(1, 900) if one not in _NO_AREAS])
    return f"{area:03}-{draw.randint(1, 99):02}-{draw.randint(1, 9999):04}"


def other_id(draw: Random) -> str:
    """Return an identity number of Spain's, Brazil's or Korea's."""
    kind = draw.choice(["es", "br", "fi"])
    if kind == "es":
        number = digits(draw, 8)
        return number + "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23]
    if kind == "fi":
        day, number = (
            f"{draw.randint(1, 28):02}{draw.randint(1, 12):02}{draw.randint(50, 99):02}",
            f"{draw.randint(2, 899):03}",
        )
        return f"{day}-{number}{'0123456789ABCDEFHJKLMNPRSTUVWXY'[int(day + number) % 31]}"
    body = digits(draw, 9)
    for weight in (10, 11):
        rest = sum(int(digit) * (weight - at) for at, digit in enumerate(body)) * 10 % 11
        body += str(rest % 10)
    return f"{body[:3]}.{body[3:6]}.{body[6:9]}-{body[9:]}"


def card(draw: Random) -> str:
    """Return a payment card's number."""
    prefix, length = draw.choice(
        [
            ("4", 16),
            ("51", 16),
            ("55", 16),
            ("37", 15),
            ("6222", 19),
            ("6217", 16),
            ("6011", 16),
            ("3530", 16),
            ("2221", 16),
        ]
    )
    number = luhn(prefix + digits(draw, length - len(prefix) - 1))
    if length == _AMEX:
        return draw.choice([number, f"{number[:4]} {number[4:10]} {number[10:]}"])
    mark = draw.choice(["", " ", "-"])
    return mark.join(number[at : at + 4] for at in range(0, length, 4))


def iban(draw: Random) -> str:
    """Return an account number of Germany's, France's, the Netherlands' or Britain's."""
    country, body = draw.choice(
        [
            ("DE", digits(draw, 18)),
            ("NL", f"ABNA{digits(draw, 10)}"),
            ("GB", f"NWBK{digits(draw, 14)}"),
            ("AT", digits(draw, 16)),
            ("PT", ""),
        ]
    )
    if country == "PT":
        start = digits(draw, 19)
        body = f"{start}{98 - int(start + '00') % 97:02}"
    number = int("".join(str(int(char, 36)) for char in f"{body}{country}00"))
    whole = f"{country}{98 - number % 97:02}{body}"
    return whole if chance(draw, 0.5) else " ".join(whole[at : at + 4] for at in range(0, len(whole), 4))


def address(draw: Random) -> str:
    """Return an address of the Internet Protocol."""
    if chance(draw, 0.7):
        return ".".join(str(draw.randint(*bounds)) for bounds in [(11, 126), (0, 255), (0, 255), (1, 254)])
    groups = [f"{draw.randrange(1, 65536):x}" for _ in range(8)]
    return draw.choice(
        [
            ":".join(["2001", "db8", *groups[2:]]),
            f"fe80::{groups[0]}:{groups[1]}",
            f"2001:db8::{groups[2]}:1{groups[3][:3]}",
        ]
    )


def secret(draw: Random) -> str:
    """Return a key or token."""
    return draw.choice(
        [
            f"sk-proj-{word(draw, 40)}1",
            f"ghp_{word(draw, 35)}7",
            f"AKIA{word(draw, 15, string.ascii_uppercase + _DIGITS)}4",
            f"xoxb-{digits(draw, 12)}-{word(draw, 24)}",
            f"AIza{word(draw, 34)}9",
            f"hf_{word(draw, 33)}2",
            f"glpat-{word(draw, 19)}5",
            f"eyJhbGciOiJIUzI1NiJ9.eyJ{word(draw, 40)}3.{word(draw, 43)}",
            f"LTAI5t{word(draw, 17)}6",
            f"sk_live_{word(draw, 23)}8",
            f"{word(draw, 20)}4aK9{word(draw, 20)}",
        ]
    )


def harmless(draw: Random) -> str:
    """Return what only looks like personal data."""
    hexes = "0123456789abcdef"
    return draw.choice(
        [
            f"{draw.randint(2000, 2030)}-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}",
            f"{draw.randint(0, 23):02}:{draw.randint(0, 59):02}:{draw.randint(0, 59):02}",
            f"{draw.randint(2000, 2030)}{draw.randint(1, 12):02}{draw.randint(1, 28):02}",
            f"v{draw.randint(1, 20)}.{draw.randrange(30)}.{draw.randrange(30)}",
            f"version {draw.randint(1, 9)}.{draw.randrange(9)}.{draw.randrange(9)}.{draw.randrange(99)}",
            word(draw, 40, hexes),
            word(draw, 64, hexes),
            str(UUID(int=draw.getrandbits(128), version=4)),
            f"{draw.randint(0, 99)}.{digits(draw, 10)}",
            f"{draw.randint(1, 999):,},{digits(draw, 3)}.{digits(draw, 2)}",
            f"ISBN 978-3-16-{digits(draw, 6)}-0",
            f"order {digits(draw, 11)}",
            f"订单号{digits(draw, 18)}",
            f"tracking number {digits(draw, 12)}",
            f"1{digits(draw, 9)}",
            f"{digits(draw, 6)}",
            f"17{digits(draw, 11)}",
            f"$ {digits(draw, 3)}.{digits(draw, 2)}",
            f"localhost:{draw.randint(1000, 9999)}",
            "127.0.0.1",
            "user@localhost",
            "icon@2x.png",
            "std::vector<int>",
            f"getUserById{draw.randrange(100)}FromRepositoryFactory",
            f"/usr/share/lib{draw.randrange(10)}/python3.11/site-packages",
            f"{draw.randint(1, 99)}%",
            f"{draw.randint(1, 12)}/{draw.randint(1, 28)}/{draw.randint(1990, 2030)}",
            f"{digits(draw, 4)}-{digits(draw, 4)}",
            f"#{digits(draw, 7)}",
            f"pp. {draw.randint(1, 99)}-{draw.randint(100, 199)}",
            f"0x{word(draw, 16, hexes)}",
            f"sha256-{word(draw, 43)}=",
            f"{digits(draw, 3)} x {digits(draw, 4)} mm",
            f"第{draw.randint(1, 99)}章",
            f"{draw.randint(1990, 2030)}年{draw.randint(1, 12)}月",
        ]
    )
