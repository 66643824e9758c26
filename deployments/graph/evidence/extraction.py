"""Evidence that a prompt asks to find something in a text."""

from __future__ import annotations

import re

from deployments.graph.evidence.evidence import Evidence
from deployments.graph.reading import word_set

# fmt: off
EXTRACTION = (
    Evidence(
        name="a wish for an extraction",
        weight=2.0,
        ask_only=True,
        words=word_set("extract extracting extraction annotate"),
        phrases=(
            "pull out", "named entities", "list all the", "list every", "find all", "find every", "identify all",
            "pick out", "fill in the fields", "get me all", "get all the", "are mentioned", "are named in", "提取",
            "抽取", "找出", "列出文中", "列出下面", "列出所有", "命名实体", "识别出", "摘录", "挑出", "筛选出",
            "提到的", "提到了哪些", "出现了哪些", "出现的", "都找出来",
        ),
    ),
    Evidence(
        name="a wish to mark something",
        weight=0.6,
        ask_only=True,
        words=word_set("tag highlight underline label mark circle cited mentioned named parse every"),
        phrases=("only the", "just the", "标出", "圈出", "划出", "哪些"),
    ),
    Evidence(
        name="a form for what is found",
        weight=1.3,
        ask_only=True,
        shapes=(re.compile(
            r"(?:as|in|into|return) (?:an? |valid )?(?:json|csv|table|spreadsheet)\b"
            r"|以json|json ?格式|整理成|做成表格|填入",
        ),),
    ),
    Evidence(
        name="parts that texts have",
        weight=0.7,
        ask_only=True,
        words=word_set(
            "fields entities keys nouns verbs adjectives dates names addresses emails amounts invoice receipt "
            "prices address locations authors places quantities"
        ),
        phrases=(
            "phone number", "email address", "字段", "实体", "键值", "动词", "名词", "人名", "地名", "挑出来", "姓名",
            "电话",
        ),
    ),
    Evidence(
        name="a text to look in",
        weight=0.6,
        ask_only=True,
        phrases=(
            "from the following", "from this", "from the text", "from the email", "in the following text",
            "in this text", "in the text", "in this sentence", "in the sentence", "in the review", "in this passage",
            "from this list", "below", "从下面", "从以下", "文中", "下列", "这段文字", "这封邮件", "从这", "里的",
            "这段新闻", "下面的", "以下的", "对话里",
        ),
    ),
)
