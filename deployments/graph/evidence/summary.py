"""Evidence that a prompt asks for a summary."""

from __future__ import annotations

import re

from deployments.graph.evidence.evidence import Evidence
from deployments.graph.reading import word_set

# fmt: off
SUMMARY = (
    Evidence(
        name="a wish for a summary",
        weight=2.0,
        ask_only=True,
        words=word_set(
            "summarize summarise summary summaries summarizing summarising tldr recap condense synopsis gist shorten "
            "overview outline shorter abridge"
        ),
        phrases=(
            "tl;dr", "key points", "main points", "main idea", "key takeaway", "takeaways", "boil down",
            "in a nutshell", "sum up", "an abstract for", "about in brief", "briefly, what", "short version",
            "important points", "总结", "概括", "摘要", "归纳", "要点", "提炼", "缩写", "大意", "概述", "中心思想",
            "缩短", "浓缩", "梗概", "提要", "精简", "压缩成", "压缩到", "主要讲", "主要内容", "简述",
        ),
    ),
    Evidence(
        name="a text that is asked about",
        weight=0.8,
        ask_only=True,
        phrases=(
            "the following article", "this article", "the following passage", "this passage", "this paragraph",
            "the following paper", "this chapter", "blog post", "transcript", "this essay", "this email",
            "meeting notes", "this document", "this report", "news story", "in one sentence", "in two sentences",
            "in three sentences", "bullet points", "以下文章", "这篇文章", "下面这段", "会议记录", "一句话", "三句话",
            "字以内", "这段话", "这份报告", "这本书", "这篇论文", "这篇新闻", "这个视频", "这封信",
        ),
    ),
    Evidence(
        name="a question for the whole",
        weight=1.0,
        ask_only=True,
        shapes=(re.compile(r"what (?:is|was|does) (?:this|the) [\w ]{1,30}(?:about|say)\b"
            r"|[讲说写]了(?:些)?(?:什么|啥)|讲的是什么"),),
    ),
)
