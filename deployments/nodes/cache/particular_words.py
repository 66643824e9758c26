"""The words by which particulars are told, in English and Chinese; what is not here is told by its form, or not."""

from __future__ import annotations

import re
from collections.abc import Mapping

from deployments.graph.reading import word_set

_TO_TWENTY = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
)  # fmt: skip
# Each as the digits that stand for the same; those that are parts of numbers stand for themselves.
NUMBERS: Mapping[str, str] = {
    **{word: str(at) for at, word in enumerate(_TO_TWENTY)},
    **{sign: str(at) for at, sign in enumerate("〇一二三四五六七八九十")},
    **{word: str(at) for at, word in enumerate(("first", "second", "third", "fourth", "fifth"), 1)},
    **{word: word for word in word_set("thirty forty fifty sixty seventy eighty ninety hundred thousand million")},
    **{word: word for word in word_set("billion triple quarter half 百 千 万 亿")},
    "零": "0", "两": "2", "俩": "2", "半": "half", "dozen": "12", "twice": "2", "double": "2",
}  # fmt: skip
NEGATIONS = word_set(
    "not no never without cannot none nor neither nothing nobody except excluding unless avoid fail fails failed "
    "isnt arent dont doesnt didnt cant couldnt wont wouldnt shouldnt hasnt havent"
)
OPPOSITES = word_set(
    "before after with above below over under more less fewer most least larger smaller bigger largest smallest "
    "biggest maximum minimum max min highest lowest high low higher lower longest shortest longer shorter first "
    "last latest oldest newest earliest older newer fastest slowest faster slower best worst better worse cheap "
    "cheapest expensive import export add remove delete insert create increase decrease increasing decreasing "
    "rise fall raise reduce enable disable start stop begin end open close opened closed buy sell send receive "
    "upload download win lose push pull encrypt decrypt encode decode compress decompress lock unlock install "
    "uninstall ascending descending left right up down top bottom north south east west hot cold warm cool early "
    "late always ever same different old new true false male female parent child client server input output read "
    "write public private positive negative advantages disadvantages pros cons strengths weaknesses allowed "
    "forbidden safe dangerous legal illegal rich poor day night morning evening summer winter spring autumn "
    "yesterday today tomorrow week month year daily weekly monthly yearly minute minutes hour hours seconds days "
    "weeks months years km kilometers miles meters feet inches cm kg grams pounds ounces celsius fahrenheit "
    "dollars euros yen"
)
# What sentences and titles often begin with: a capital letter makes no name of it.
STARTERS = word_set(
    "a about after all also am an and any are as at be because before being between both but by can could define "
    "describe did do does during each every explain find for from generate get give has have he hello help hey hi "
    "how i if im in is it its just let list long make many may me might most much must my name need of on one or "
    "our outline please provide recommend say she should show so some suggest summarise summarize tell than thank "
    "thanks that the their them then there these they this those to translate under until use want was we were "
    "what whats when where whether which while who whom whose why will with would write you your compare convert "
    "calculate compute count draw fix design discuss identify think thinking wondering curious someone somebody "
    "people is"
)
# Ordinary words that hold a sign of something else.
ORDINARY = re.compile(
    "有没有|(.)不\\1|非常|特别|区别|分别|个别|别人|级别|类别|性别|识别|未来|无线|不过|不错|差不多|要不|除非|"
    "一下|一些|一样|一起|一直|一般|一定|一个|一种|一份|一点|一段|一句|统一|唯一|第一次|万一|十分|千万|半天|"
    "上海|上面|上网|以上|下面|以下|大概|大家|大学|大约|小说|前面|后面|目前|最后|然后|以后|多少|多久|多大|多远|多长|多高"
)
CHINESE_NEGATIONS = frozenset("不没無无未非别勿莫")
CHINESE_PARTICULARS = re.compile(
    "上午|下午|昨天|今天|明天|后天|前天|春天|夏天|秋天|冬天|白天|晚上|早上|安装|卸载|加密|解密|启用|禁用|上传|下载|"
    "进口|出口|最大|最小|最高|最低|合法|违法|公里|英里|摄氏|华氏|人民币|美元|日元|欧元|小时|分钟|星期|[年月周日天克斤]|"
    "[〇零一二三四五六七八九十两俩半百千万亿]|[不没無无未非别勿莫]|"
    "[上下左右前后内外大小高低多少长短快慢新旧老早晚冷热买卖借还开关进出增减升降加乘除东南西北男女好坏优缺利弊贵贱胖瘦]"
)
