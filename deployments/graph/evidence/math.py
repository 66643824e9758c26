"""Evidence that a prompt is a mathematical problem."""

from __future__ import annotations

import re

from deployments.graph.evidence.evidence import Evidence
from deployments.graph.reading import word_set

# fmt: off
MATH = (
    Evidence(
        name="a mathematical notion",
        weight=1.3,
        ask_only=True,
        words=word_set(
            "equation equations integral derivative differentiate probability theorem triangle polynomial matrix "
            "eigenvalue eigenvalues determinant factorial prime primes percent percentage fraction remainder modulo "
            "divisible logarithm hypotenuse perimeter circumference algebra geometry calculus permutations "
            "combinations variance quadratic squared sqrt sine cosine tangent integer integers inequality factorise "
            "factorize gcd lcm arithmetic antiderivative vertices dice median hexagon trapezoid odds"
        ),
        phrases=(
            "square root", "square of", "cube of", "consecutive", "standard deviation", "greatest common",
            "least common", "right angle", "area of", "volume of", "sum of", "product of", "average speed",
            "interest rate", "how many ways", "in how many", "方程", "导数", "积分", "概率", "定理", "三角形", "面积",
            "周长", "体积", "百分之", "矩阵", "因式分解", "质数", "素数", "求和", "余数", "平方根", "等差", "等比",
            "不等式", "公约数", "公倍数", "阶乘", "排列组合", "行列式", "特征值", "半径", "正整数", "数列",
            "平均速度", "标准差", "方差", "种选法", "种方法", "鸡兔同笼", "根号", "立方", "平方", "利率", "利息",
            "整数", "原价", "打折", "折后", "极限", "等于几", "分数", "倍数",
        ),
    ),
    Evidence(
        name="a wish for a calculation",
        weight=1.2,
        ask_only=True,
        words=word_set("calculate compute solve simplify prove integrate differentiate factorise factorize"),
        phrases=(
            "find the value", "find x", "计算", "求解", "解方程", "证明", "求出", "化简", "求导", "算一下", "算出",
            "等于多少", "，求", "。求", "求这", "求它",
        ),
    ),
    Evidence(
        name="a question of quantity with a number",
        weight=1.0,
        ask_only=True,
        numbers=1,
        phrases=(
            "how many", "how much", "how long", "how far", "how old", "how fast", "how tall", "what is the total",
            "what are the numbers", "多少", "几个", "几天", "几岁", "几小时", "几只", "几分钟", "几元", "多远",
            "多久", "还剩", "一共", "平均", "各有", "总共", "的和", "是几", "几个人",
        ),
    ),
    Evidence(
        name="arithmetic in words",
        weight=1.2,
        ask_only=True,
        numbers=2,
        phrases=(
            " plus ", " minus ", " times ", "divided by", "multiplied by", "除以", "乘以", "乘上", "加上", "减去",
            "平方加", "相加", "相乘",
        ),
    ),
    Evidence(
        name="a question with several numbers",
        weight=0.5,
        ask_only=True,
        numbers=3,
        phrases=("?", "？", "求", "多少"),
    ),
    Evidence(
        name="a rate",
        weight=0.4,
        ask_only=True,
        numbers=1,
        phrases=(
            "per hour", "per day", "per minute", "each day", "each week", "each year", "every hour", "twice as",
            "half as", "每天", "每小时", "每分钟", "每人", "每本", "每个", "每年", "每千克",
        ),
    ),
    Evidence(
        name="several numbers with units",
        weight=0.6,
        ask_only=True,
        shapes=(re.compile(
            r"\d+(?:\.\d+)?\s?(?:%|km|cm|kg|mph|miles?|hours?|minutes?|days?|weeks?|years?|meters?|dollars?|apples?"
            r"|workers?|people|pens?|米|公里|千米|厘米|小时|分钟|天|元|个|只|人|岁|升|千克|公斤|斤|枚|本)|\$\d"
        ),),
    ),
    Evidence(
        name="a formula",
        weight=1.6,
        ask_only=True,
        shapes=(re.compile(
            r"\d\s?[+*×÷^=]\s?\d|\d\s[-/]\s\d|[xyn]\s?\^\s?\d|[xyz²³]\s?[-+=]\s?\d|\d[xyn]\b|[²³√∑∫≤≥]|\blim\b"
            r"|\\(?:frac|int|sum|sqrt|lim)\b|\b[fg]\(x\)|\bsin\b|\bcos\b|\bln\b|\blog\(|\d!(?:\W|$)|\d%\s*(?:of|的)"
        ),),
    ),
)
