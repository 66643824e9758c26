"""What speaks for each task: words, phrases and shapes, with their weights. Data, read by ``task``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from deployments.graph.reading import Reading, word_set


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One reason to think of a task; it counts once however often it is found.

    ``words`` are whole words, ``phrases`` any substring (Chinese has no spaces), ``shape`` a pattern on the raw text.
    ``ask_only`` looks just at where instructions stand, so that a text about Python is not a request for code.
    """

    name: str
    weight: float
    words: frozenset[str] = frozenset()
    phrases: tuple[str, ...] = ()
    shape: re.Pattern[str] | None = None
    ask_only: bool = False
    numbers: int = 0

    def found_in(self, reading: Reading) -> bool:
        """Tell whether this evidence is in the text; ``numbers`` more than that many numbers must be there too."""
        if reading.numbers < self.numbers:
            return False
        words, text = (reading.ask_words, reading.ask) if self.ask_only else (reading.words, reading.text)
        return (
            not self.words.isdisjoint(words)
            or any(phrase in text for phrase in self.phrases)
            or (self.shape is not None and self.shape.search(reading.raw) is not None)
        )


CODE = (
    Evidence(name="a fenced block", weight=0.8, phrases=("```",)),
    Evidence(
        name="a programming language",
        weight=1.2,
        ask_only=True,
        words=word_set(
            "python javascript typescript java kotlin rust golang c++ c# php ruby scala haskell perl bash sql mysql "
            "postgres postgresql sqlite html css react vue django flask fastapi numpy pandas pytest docker kubernetes "
            "dockerfile makefile yaml regex git node nodejs powershell assembly cuda webpack nginx redis asyncio"
        ),
        phrases=(" in go ", " go 语言", "go语言", "c语言", " c 语言", "正则表达式", " in c ", " in swift ", "swiftui"),
    ),
    Evidence(
        name="something that programs are made of",
        weight=0.9,
        ask_only=True,
        words=word_set(
            "code function functions method script program algorithm api endpoint compiler bug debugger unittest "
            "traceback stacktrace loop array arrays hashmap linkedlist recursion recursive codebase snippet class "
            "constructor decorator iterator mutex thread deadlock singleton middleware schema parser struct boolean "
            "async refactor compile repository backend frontend cron dataframe programming coding software crawler"
        ),
        phrases=(
            "unit test",
            "stack trace",
            "linked list",
            "binary tree",
            "binary search",
            "pull request",
            "race condition",
            "memory leak",
            "command line",
            "代码",
            "编程",
            "程序",
            "脚本",
            "算法",
            "单元测试",
            "接口",
            "编译",
            "数组",
            "链表",
            "二叉树",
            "快速排序",
            "冒泡排序",
            "爬虫",
            "线程",
            "死锁",
            "内存泄漏",
            "类型注解",
            "装饰器",
            "前端",
            "后端",
            "数据库",
        ),
    ),
    Evidence(
        name="a wish for code",
        weight=1.2,
        ask_only=True,
        words=word_set("debug refactor implement compile recompile unittest"),
        phrases=(
            "write a function",
            "write a script",
            "write a program",
            "write a query",
            "write code",
            "write a class",
            "write a unit test",
            "write unit tests",
            "fix this",
            "fix the bug",
            "optimize this",
            "写代码",
            "写一段代码",
            "写一个函数",
            "写个函数",
            "写一个程序",
            "写一个脚本",
            "写个脚本",
            "编写函数",
            "编写一个",
            "实现一个",
            "用代码",
            "重构",
            "调试",
            "修复",
            "报错",
        ),
    ),
    Evidence(
        name="an error report",
        weight=1.5,
        phrases=(
            "traceback (most recent call last)",
            "segmentation fault",
            "segfault",
            "nullpointerexception",
            "typeerror",
            "valueerror",
            "keyerror",
            "indexerror",
            "syntaxerror",
            "importerror",
            "modulenotfounderror",
            "core dumped",
            "undefined is not",
            "cannot borrow",
            "undefined reference",
            "空指针",
            "索引越界",
            "stack overflow",
        ),
    ),
    Evidence(
        name="source code",
        weight=1.5,
        shape=re.compile(
            r"\bdef \w+\(|\bclass \w+[:({]|#include\s*<|\bfunction \w*\(|\bfn \w+\(|\bpublic static\b|\bconst \w+ ="
            r"|\bimport \w+$|\bfrom \w+ import\b|\bSELECT\b.{1,80}\bFROM\b|=> ?\{|\(\) ?\{|</\w+>|;$|\bprintf?\(",
            re.MULTILINE,
        ),
    ),
    Evidence(
        name="a source file's name",
        weight=1.0,
        shape=re.compile(r"\w\.(?:py|js|ts|tsx|cpp|java|go|rs|sh|sql|ipynb|toml)\b"),
    ),
)

MATH = (
    Evidence(
        name="a mathematical notion",
        weight=1.3,
        ask_only=True,
        words=word_set(
            "equation equations integral derivative differentiate probability theorem triangle polynomial matrix "
            "eigenvalue eigenvalues determinant factorial prime primes percent percentage fraction remainder modulo "
            "divisible logarithm hypotenuse perimeter circumference algebra geometry calculus permutations "
            "combinations variance quadratic cube squared sqrt sine cosine tangent integer integers inequality "
            "factorise factorize gcd lcm arithmetic sequence antiderivative vertices dice"
        ),
        phrases=(
            "square root",
            "standard deviation",
            "greatest common",
            "least common",
            "right angle",
            "area of",
            "volume of",
            "sum of",
            "product of",
            "average speed",
            "interest rate",
            "方程",
            "导数",
            "积分",
            "概率",
            "定理",
            "三角形",
            "面积",
            "周长",
            "体积",
            "百分之",
            "矩阵",
            "因式分解",
            "质数",
            "素数",
            "求和",
            "余数",
            "平方根",
            "等差数列",
            "等比数列",
            "不等式",
            "公约数",
            "公倍数",
            "阶乘",
            "排列组合",
            "行列式",
            "特征值",
            "半径",
            "正整数",
            "数列",
            "平均速度",
            "标准差",
            "方差",
        ),
    ),
    Evidence(
        name="a wish for a calculation",
        weight=1.2,
        ask_only=True,
        words=word_set("calculate compute solve evaluate simplify prove integrate differentiate factor factorise"),
        phrases=(
            "find the value",
            "find x",
            "计算",
            "求解",
            "解方程",
            "证明",
            "求出",
            "化简",
            "求导",
            "算一下",
            "等于多少",
        ),
    ),
    Evidence(
        name="a question of quantity about numbers",
        weight=1.5,
        ask_only=True,
        numbers=2,
        phrases=(
            "how many",
            "how much",
            "how long",
            "how far",
            "how old",
            "how fast",
            "what is the total",
            "多少",
            "几个",
            "几天",
            "几岁",
            "几小时",
            "还剩",
            "一共",
            "平均",
        ),
    ),
    Evidence(
        name="a formula",
        weight=1.6,
        shape=re.compile(
            r"\d\s?[-+*/×÷^]\s?\d|[xyn]\s?\^\s?\d|[xyz²³]\s?[-+=]\s?\d|\d[xyn]\b|\\(?:frac|int|sum|sqrt|lim)\b|[²³√∑∫≤≥]"
            r"|\b[fg]\(x\)|\bsin\b|\bcos\b|\bln\b|\blog\b|\d+!"
        ),
    ),
)

TRANSLATION = (
    Evidence(
        name="a wish for a translation",
        weight=2.0,
        ask_only=True,
        words=word_set("translate translation translated translating"),
        phrases=("翻译", "译成", "译为", "译文", "英译中", "中译英"),
    ),
    Evidence(
        name="a target language",
        weight=1.6,
        ask_only=True,
        phrases=(
            "into english",
            "into chinese",
            "into french",
            "into spanish",
            "into german",
            "into japanese",
            "into korean",
            "into italian",
            "into russian",
            "into portuguese",
            "into arabic",
            "to english",
            "to chinese",
            "to french",
            "to spanish",
            "to german",
            "to japanese",
            "in mandarin",
            "用英语怎么说",
            "用英文怎么说",
            "用中文怎么说",
            "英语怎么说",
            "英文怎么说",
            "日语怎么说",
            "法语怎么说",
            "怎么用英语",
            "用英文表达",
            "如何用英语",
            "改成英文",
            "改成中文",
        ),
    ),
    Evidence(
        name="a question for a foreign word",
        weight=2.0,
        ask_only=True,
        phrases=(
            "how do you say",
            "how do i say",
            "how to say",
            "french for",
            "spanish for",
            "chinese for",
            "german for",
            "japanese for",
            "word for",
            "what does the french",
            "what does the spanish",
            "what does the german",
            "mean in english",
            "mean in chinese",
            "是什么意思？请译",
            "的英文是",
            "的英语是",
            "的日语是",
            "英文版",
        ),
    ),
)

SUMMARY = (
    Evidence(
        name="a wish for a summary",
        weight=2.0,
        ask_only=True,
        words=word_set(
            "summarize summarise summary summaries summarizing summarising tldr recap condense synopsis gist"
        ),
        phrases=(
            "tl;dr",
            "key points",
            "main points",
            "main idea",
            "key takeaways",
            "takeaways",
            "boil down",
            "shorten",
            "in a nutshell",
            "sum up",
            "总结",
            "概括",
            "摘要",
            "归纳",
            "要点",
            "提炼",
            "缩写",
            "大意",
            "概述",
            "中心思想",
            "缩短",
            "浓缩",
            "梗概",
        ),
    ),
    Evidence(
        name="a text to be made shorter",
        weight=0.8,
        ask_only=True,
        phrases=(
            "the following article",
            "this article",
            "the following passage",
            "this passage",
            "this paragraph",
            "meeting notes",
            "in one sentence",
            "in two sentences",
            "in three sentences",
            "in three bullet",
            "以下文章",
            "这篇文章",
            "下面这段",
            "会议记录",
            "一句话",
            "三句话",
            "字以内",
            "这段话",
        ),
    ),
)

EXTRACTION = (
    Evidence(
        name="a wish for an extraction",
        weight=2.0,
        ask_only=True,
        words=word_set("extract extracting extraction"),
        phrases=(
            "pull out",
            "named entities",
            "list all the",
            "list every",
            "find all the",
            "identify all",
            "pick out",
            "fill in the fields",
            "提取",
            "抽取",
            "找出",
            "列出文中",
            "列出下面",
            "列出所有",
            "命名实体",
            "识别出",
            "摘录",
            "挑出",
            "筛选出",
        ),
    ),
    Evidence(
        name="a shape for what is found",
        weight=1.0,
        ask_only=True,
        words=word_set("json csv fields entities keys key tabulate table"),
        phrases=("以json", "json格式", "json 格式", "字段", "实体", "表格", "键值"),
    ),
    Evidence(
        name="a text to look in",
        weight=0.6,
        ask_only=True,
        phrases=(
            "from the following",
            "from this",
            "from the text",
            "from the email",
            "in the following text",
            "mentioned in",
            "in this text",
            "in the text",
            "从下面",
            "从以下",
            "文中",
            "下列文本",
            "这段文字",
            "这封邮件",
            "从这",
        ),
    ),
)

EVIDENCE: Mapping[str, tuple[Evidence, ...]] = {
    "translation": TRANSLATION,
    "summary": SUMMARY,
    "extraction": EXTRACTION,
    "code": CODE,
    "math": MATH,
}
