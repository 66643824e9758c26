"""Words before a number that say what it is."""

from __future__ import annotations

import re

_LETTER = re.compile(r"[^\W\d_]")


class Words:
    """English words, found as such or in the plural, and Chinese ones, found anywhere."""

    def __init__(self, english: str, chinese: str = "") -> None:
        spoken = "|".join(re.escape(word.strip()) for word in english.split(","))
        written = "".join(f"|{re.escape(word)}" for word in chinese.split())
        self._pattern = re.compile(rf"(?<![a-z])(?:{spoken})(?:s|es)?(?![a-z]){written}")

    def within(self, text: str) -> bool:
        """Say whether one of them is in a short *text* of lower case."""
        return _LETTER.search(text) is not None and self._pattern.search(text) is not None

    def last_in(self, text: str) -> int:
        """Return where the last of them begins in a short *text* of lower case, -1 where there is none."""
        if _LETTER.search(text) is None:
            return -1
        return max((match.start() for match in self._pattern.finditer(text)), default=-1)


# What looks like a person's number, and is a thing's.
THINGS = Words(
    "order, invoice, tracking, shipment, waybill, ticket, serial, isbn, issn, sku, part no, batch, version, build,"
    "commit, hash, checksum, timestamp, transaction, request id, trace, case no, case number, reference, model no, pid",
    "订单 单号 编号 流水 批次 序列号 版本 工单 发票 快递 运单 时间戳 货号 条码 型号 交易号 进程",
)
PHONE = Words(
    "phone, telephone, tel, call, mobile, cell, fax, whatsapp, text, reach, contact, sms, dial, ring, hotline",
    "电话 手机 座机 客服 总机 传真 热线 致电 拨打 联系 号码 微信 短信",
)
CARD = Words("card, visa, mastercard, amex, maestro, credit, debit, unionpay", "卡 信用 借记 账号 账户")
SECRET = Words(
    "api key, api_key, apikey, api-key, access key, access_key, secret, token, bearer, authorization, credential,"
    "private key, client_secret",
    "密钥 令牌 秘钥 凭证 口令",
)
DIGESTS = Words(
    "sha1, sha-1, sha256, sha-256, sha512, sha-512, md5, hash, digest, checksum, commit, integrity, etag, fingerprint",
    "哈希 校验 摘要 指纹 提交",
)
VERSIONS = Words("version, release, build, upgrade, firmware, section", "版本 固件 升级")
