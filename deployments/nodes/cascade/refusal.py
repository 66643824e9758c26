"""Does an answer refuse, or say that it does not know? By how it opens, in English and Chinese.

Only the opening is read, so that the time does not grow with the answer, and what is quoted in it does not count.
"""

from __future__ import annotations

import re

OPENING_CHARS = 200

_CANNOT = (
    r"(?:can'?t|cannot|can not|could ?n'?t|won'?t|will not|am not able to|'m not able to|am unable to|'m unable to)"
)
_SERVE = (
    r"(?:help|assist|answer|provide|comply|fulfil|fulfill|do that|do this|complete|continue with|discuss|share|give|"
    r"generate|create|write|access|browse|open|see|view|verify|determine|respond|engage|support|offer|process|say)"
)
_ENGLISH = re.compile(
    rf"\bi(?: am|'m)? ?(?:sorry,? (?:but )?i )?(?:really |simply |just )?{_CANNOT} (?:really |be able to )?{_SERVE}\b"
    r"|\bi (?:do not|don't) (?:know\b|have (?:access|enough|any information|the ability|information))"
    r"|\bi(?: am|'m) (?:sorry|afraid),? (?:but )?i (?:can|do not|don't|am|'m not)"
    r"|\bas an? (?:ai|artificial intelligence|language model)[^.\n]{0,60}\bi (?:can|do not|don't|am not|am unable)"
    r"|\bi(?: am|'m) not sure (?:what|how|which|who|where|when|if|whether|i )"
    r"|\bi must decline\b|\bi(?: have to|'ll have to) decline\b"
)
_CHINESE = re.compile(
    r"(?:抱歉|对不起|很遗憾|不好意思)[^。！？\n]{0,30}(?:无法|不能|没办法|没有办法|不便|不会|不知道)"
    r"|我(?:目前|暂时|现在|还|并|也|确实)?(?:无法|不能|没办法|没有办法|不便)"
    r"(?:为您|为你|给您|给你|直接|帮您|帮你)?(?:回答|提供|帮助|协助|满足|完成|执行|讨论|访问|给出|确定|参与|处理|生成|写)"
    r"|作为(?:一个|一名)?(?:AI|ai|人工智能|语言模型|大语言模型)[^。！？\n]{0,30}(?:无法|不能|没有)"
    r"|我(?:并|也|还|真的)?(?:不知道|不清楚|不了解|不确定)"
)
_QUOTED = re.compile(r"[\"“「『][^\"”」』]*[\"”」』]?")
_ALIKE = str.maketrans({"’": "'", "‘": "'", "\u00a0": " "})


def refuses(text: str) -> bool:
    """Say whether *text* opens with a refusal."""
    opening = _QUOTED.sub("", text[:OPENING_CHARS].translate(_ALIKE))
    return bool(_ENGLISH.search(opening.lower())) or (not opening.isascii() and bool(_CHINESE.search(opening)))
