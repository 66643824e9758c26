"""Documents in English and Chinese, with the kind and the place of all personal data in them.

Those in ``written.txt`` were written by hand; any number of further ones is drawn from a seed. In the file a value
stands as ``⟦EMAIL|bob@example.com⟧``, one document to a line behind its language.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

from benchmarks.pii import values
from deployments.pii.scanner import Span

WRITTEN = Path(__file__).with_name("written.txt")
_MARKED = re.compile(r"⟦([A-Z_]+)\|([^⟧]*)⟧")
_SLOT = re.compile(r"\{([a-z_]+)\}")

# What may stand in a template's braces: the kind, and the ways to draw one.
_DRAWN: Mapping[str, tuple[str, Callable[[Random], str]]] = {
    "email": ("EMAIL", values.email),
    "mobile": ("PHONE", values.chinese_mobile),
    "landline": ("PHONE", values.chinese_landline),
    "us_phone": ("PHONE", values.american_phone),
    "foreign_phone": ("PHONE", values.foreign_phone),
    "cn_id": ("CN_ID", values.chinese_id),
    "ssn": ("SSN", values.social_security),
    "other_id": ("ID", values.other_id),
    "card": ("CARD", values.card),
    "iban": ("IBAN", values.iban),
    "ip": ("IP", values.address),
    "secret": ("SECRET", values.secret),
    "no": ("", values.harmless),
}
_ENGLISH = (
    "Hi team, please update my file: e-mail {email}, phone {us_phone}. Thanks, and see ticket {no}.",
    "The invoice went to {email} on {no}; the card {card} was declined, so we billed IBAN {iban} instead.",
    "Her SSN is {ssn} and she can be reached at {us_phone} or {foreign_phone} after {no}.",
    "login from {ip} failed ({no}); client {ip} retried with token {secret}",
    'config: {"endpoint": "https://api.example.com/{no}", "key": "{secret}", "owner": "{email}"}',
    "Patient record {no}: national id {other_id}, contact {foreign_phone}, build {no}.",
    "Wire the deposit to {iban}, reference {no}. Questions: {email} ({us_phone}).",
    "In {no} the committee met for {no}; nothing of note was said about {no} or {no}.",
    "Card on file: {card}. Billing contact: {email}. Server: {ip}. Release {no}.",
    "export API_KEY={secret}\nssh admin@{ip} # {no}\n",
    "| name | mail | tel |\n|---|---|---|\n| A. B. | {email} | {foreign_phone} |\n"
    "| C. D. | {email} | {us_phone} |\n| {no} | - | - |",
    "The measurements were {no}, {no} and {no}; see figure {no}. We thank the reviewers for {no} comments.",
    "To whom it may concern: my identity number {other_id} was misprinted as {no}. Call {us_phone}.",
    "<p>Contact <a href='mailto:{email}'>{email}</a>, mobile {mobile}.</p>",
)
_CHINESE = (
    "您好，我的手机号是{mobile}，邮箱{email}，请尽快联系我。参考{no}。",
    "客户身份证号：{cn_id}，银行卡号：{card}，联系电话{landline}。",
    "收件人：张三；电话：{mobile}；地址：北京市朝阳区建国路{no}；备注：{no}。",
    "服务器{ip}于{no}出现异常，请通知管理员{email}。",
    "请将密钥{secret}配置到环境变量中，版本{no}。",
    "甲方法定代表人身份证{cn_id}，乙方联系人邮箱：{email}，座机：{landline}。",
    "本季度销售额为{no}，同比增长{no}，详见{no}。",
    "她的卡（{card}）被盗刷，报案电话{landline}，案件时间{no}。",
    "海外客户请拨打{foreign_phone}，或汇款至{iban}。",
    "实验共进行{no}次，平均值{no}，标准差{no}，数据版本{no}。",
    "用户{email}从{ip}登录，手机尾号已隐藏，完整号码{mobile}，日志{no}。",
    "【快递】您的包裹已发出，客服{landline}，收件手机{mobile}，参考{no}。",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A text, its language (``en`` or ``zh``), and all that is personal in it."""

    language: str
    text: str
    spans: tuple[Span, ...]


def written() -> list[Document]:
    """Return the documents of the file."""
    lines = WRITTEN.read_text(encoding="utf-8").splitlines()
    return [parsed(*line.split("\t", 1)) for line in lines if line and not line.startswith("#")]


def parsed(language: str, marked: str) -> Document:
    """Return the document that is written with its values marked."""
    pieces, spans, at, length = [], [], 0, 0
    marked = marked.replace("\\n", "\n")
    for match in _MARKED.finditer(marked):
        before = marked[at : match.start()]
        start = length + len(before)
        length, at = start + len(match[2]), match.end()
        pieces += [before, match[2]]
        spans.append(Span(match[1], start, length))
    return Document(language=language, text="".join([*pieces, marked[at:]]), spans=tuple(spans))


def drawn(seed: int, count: int) -> Iterator[Document]:
    """Yield *count* documents, the same for the same *seed*, English and Chinese by turns."""
    draw = Random(seed)  # noqa: S311 - nothing is secret here
    for number in range(count):
        language, templates = (("en", _ENGLISH), ("zh", _CHINESE))[number % 2]
        text = " ".join(draw.choice(templates) for _ in range(draw.randint(1, 3)))
        yield parsed(language, _SLOT.sub(lambda slot: _filled(slot[1], draw), text))


def _filled(slot: str, draw: Random) -> str:
    kind, value = _DRAWN[slot]
    return f"⟦{kind}|{value(draw)}⟧" if kind else value(draw)
