"""Evidence that a prompt asks for a translation."""

from __future__ import annotations

import re

from deployments.graph.evidence.evidence import Evidence
from deployments.graph.reading import word_set

_LANGUAGES = (
    "english|chinese|mandarin|cantonese|french|spanish|german|japanese|korean|italian|russian|portuguese|arabic|hindi"
    "|dutch|swedish|polish|turkish|greek|latin|thai|vietnamese|hebrew"
)

# fmt: off
TRANSLATION = (
    Evidence(
        name="a wish for a translation",
        weight=2.0,
        ask_only=True,
        words=word_set("translate translation translated translating translator"),
        phrases=("翻译", "译成", "译为", "译文", "英译中", "中译英", "翻成"),
    ),
    Evidence(
        name="a pair of languages",
        weight=2.0,
        ask_only=True,
        shapes=(re.compile(rf"\b(?:{_LANGUAGES}) (?:in)?to (?:{_LANGUAGES})\b"),),
    ),
    Evidence(
        name="a language to put something into",
        weight=1.3,
        ask_only=True,
        phrases=(
            *(f"{link} {name}" for link in ("into", "to") for name in _LANGUAGES.split("|")), "用中文解释",
            "用英语表达", "用英文表达", "改成英文", "改成中文", "写成英文", "英文版", "中文意思",
        ),
    ),
    Evidence(
        name="a question for the words of a language",
        weight=1.3,
        ask_only=True,
        shapes=(re.compile(
            rf"\b(?:say|mean|what is|what's|write|express|put|call|version of).{{0,60}} in (?:{_LANGUAGES})\b"
            rf"|\b(?:{_LANGUAGES}) (?:version|equivalent|word|translation)? ?(?:of|for)\b"
            rf"|用.{{1,5}}[语文](?:写|说|讲|表达|怎么|解释|告诉)",
        ),),
    ),
    Evidence(
        name="a language",
        weight=0.7,
        ask_only=True,
        words=word_set(_LANGUAGES.replace("|", " ")),
        phrases=(
            "英语", "英文", "法语", "德语", "日语", "韩语", "俄语", "西班牙语", "意大利语", "葡萄牙语", "阿拉伯语",
            "粤语", "泰语", "日文", "法文", "德文", "韩文", "俄文",
        ),
    ),
    Evidence(
        name="a question for a meaning",
        weight=0.5,
        ask_only=True,
        phrases=("是什么意思", "什么意思", " mean?", " means?", "的意思"),
    ),
    Evidence(
        name="a question for foreign words",
        weight=1.3,
        ask_only=True,
        phrases=(
            "how do you say", "how do i say", "how to say", "how would you say", "how do you write",
            "how would you write", "word for", " for the word", " say '", ' say "', "render this", "怎么说", "怎么讲",
            "如何表达", "中文是什么", "英文是什么", "的英文是", "的英语是", "的日语是",
        ),
    ),
)
