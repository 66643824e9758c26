"""Evidence that a prompt is about code."""

from __future__ import annotations

import re

from deployments.graph.evidence.evidence import Evidence
from deployments.graph.reading import word_set

# fmt: off
CODE = (
    Evidence(name="a fenced block", weight=0.8, phrases=("```",)),
    Evidence(
        name="a programming language or tool",
        weight=1.2,
        ask_only=True,
        words=word_set(
            "python javascript typescript java kotlin rust golang c++ c# php ruby scala haskell perl bash sql mysql "
            "postgres postgresql sqlite html css react vue django flask fastapi numpy pandas pytest docker kubernetes "
            "dockerfile makefile yaml regex git node nodejs powershell cuda webpack nginx redis asyncio linux ubuntu "
            "systemd ssh curl npm pip cmake gcc graphql "
            "kafka mongodb tensorflow pytorch selenium jquery laravel vim vba terminal github gitlab cors"
        ),
        phrases=(" in go ", " go 语言", "go语言", "c语言", " c 语言", "正则表达式", " in c ", " in swift ", "swiftui"),
    ),
    Evidence(
        name="something that only programs are made of",
        weight=1.2,
        ask_only=True,
        words=word_set(
            "code algorithm algorithms api endpoint compiler debugger unittest traceback stacktrace hashmap recursion "
            "recursive codebase mutex semaphore deadlock singleton middleware parser boolean async await refactor "
            "dataframe programming coding cli stdin stdout localhost div flexbox backend frontend iterator enum struct "
            "subprocess multithreading kernel repo webhook oauth regexp stylesheet lambda coroutine"
        ),
        phrases=(
            "unit test", "stack trace", "linked list", "binary tree", "binary search", "pull request",
            "race condition", "memory leak", "command line", "time complexity", "代码", "编程", "算法", "单元测试",
            "编译", "数组", "链表", "二叉树", "快速排序", "冒泡排序", "爬虫", "线程", "死锁", "内存泄漏", "装饰器",
            "前端", "后端", "进程", "端口", "命令行", "循环", "递归", "回调", "框架里", "服务器上", "哈希表", "组件",
            "跨域", "反向代理", "配置文件", "浏览器", "容器", "源码", "开源库", "网页",
        ),
    ),
    Evidence(
        name="something that programs are often made of",
        weight=0.7,
        ask_only=True,
        words=word_set(
            "function functions method script program bug loop array arrays class constructor decorator thread schema "
            "dictionary repository snippet crawler component hook table database server log module package library "
            "query software website app deploy cache browser port"
        ),
        phrases=(
            "程序", "脚本", "接口", "数据库", "函数", "变量", "模块", "服务器", "缓存", "部署", "打印", "网站",
            "配置", "小程序",
        ),
    ),
    Evidence(
        name="something done to programs and data",
        weight=0.5,
        ask_only=True,
        words=word_set(
            "sort iterate append parse loop override import instantiate concatenate dictionary tuple string strings "
            "variable syntax nested crash crashes terminal compile runtime execute json regex async"
        ),
        phrases=(
            "写一个", "写个", "写一段", "哪里有问题", "有什么问题", "运行", "安装", "怎么写", "调用", "遍历", "输出",
            "连接",
        ),
    ),
    Evidence(
        name="a wish for code",
        weight=1.0,
        ask_only=True,
        words=word_set("debug refactor implement compile recompile unittest deploy install"),
        phrases=(
            "write a function", "write a script", "write a program", "write a query", "write code", "write a class",
            "unit test", "fix this", "fix the bug", "optimize this", "optimise this", "写代码", "写一段代码",
            "写一个函数", "写个函数", "写一个程序", "写一个脚本", "写个脚本", "编写", "实现一个", "用代码", "重构",
            "调试", "修复", "报错", "单元测试", "运行很慢", "怎么实现", "如何实现",
        ),
    ),
    Evidence(
        name="an error report",
        weight=1.5,
        phrases=(
            "traceback (most recent call last)", "segmentation fault", "segfault", "nullpointerexception",
            "typeerror", "valueerror", "keyerror", "indexerror", "syntaxerror", "importerror", "modulenotfounderror",
            "core dumped", "undefined is not", "cannot borrow", "undefined reference", "空指针", "索引越界",
            "stack overflow", "exit code",
        ),
    ),
    Evidence(
        name="source code",
        weight=1.5,
        phrases=(
            "#include", "public static", "function (", "=> {", "() {", "</div>", "</p>", "printf(", "for (int ",
            "for(int ", "console.log", "std::", "int main", "select * from", "import numpy", "import pandas",
        ),
        shapes=(
            re.compile(r"def \w+\("),
            re.compile(r"class \w+[:({]"),
            re.compile(r"function \w*\("),
            re.compile(r"fn \w+\("),
            re.compile(r"const \w+ ="),
            re.compile(r"from \w+ import "),
            re.compile(r"SELECT .{1,40} FROM "),
            re.compile(r";$", re.MULTILINE),
        ),
    ),
    Evidence(
        name="a source file's name",
        weight=1.0,
        shapes=(re.compile(r"\.(?:py|js|ts|tsx|cpp|java|go|rs|sh|sql|ipynb|toml)\b"),),
    ),
    Evidence(
        name="an identifier",
        weight=0.8,
        phrases=("()",),
        shapes=(re.compile(r"_[a-z]"), re.compile(r"[a-z][A-Z][a-z]")),
    ),
)
