"""Phrases by which prompts try to take over a model, in English and Chinese.

A first, cheap look: it knows what is written often, and not what is meant. A judge is the second.
"""

from __future__ import annotations

RULES: tuple[str, ...] = (
    # Instructions to drop instructions.
    r"(?i:\b(?:ignore|disregard|forget|override|bypass|(?:do not|don't) follow)\b[^.\n]{0,24}"
    r"\b(?:previous|prior|above|earlier|preceding|existing|initial|original|system|your)\b[^.\n]{0,24}"
    r"\b(?:instructions?|prompts?|rules?|directions?|directives?|guidelines?|constraints?|polic(?:y|ies))\b)",
    r"(?i:\b(?:ignore|disregard|forget)\s{1,3}(?:everything|anything|all)\s{1,3}(?:that was\s{1,3})?"
    r"(?:above|before|prior|you (?:were|have been) told)\b)",
    r"(?:忽略|无视|忘记|忘掉|不要理会|不用管|跳过|绕过|覆盖)[^。！？\n]{0,12}"
    r"(?:之前|以上|上面|上述|前面|先前|此前|所有|全部|原有|系统|你的)[^。！？\n]{0,12}(?:指令|指示|提示|规则|要求|设定|限制|约束|命令)",
    # Demands for what the model was told in secret.
    r"(?i:\b(?:reveal|show|print|repeat|output|display|leak|dump|tell me|give me)\b[^.\n]{0,24}"
    r"\b(?:system|initial|hidden|secret|developer|original)\s{1,3}(?:prompts?|instructions?|messages?)\b)",
    r"(?:显示|输出|打印|重复|复述|告诉我|泄露|透露|公开|给我看)[^。！？\n]{0,12}"
    r"(?:系统|初始|隐藏|内部|开发者|原始)[^。！？\n]{0,4}(?:提示词?|指令|设定|消息)",
    # Another self, without rules.
    r"(?i:\byou are (?:now|no longer)\b[^.\n]{0,24}\b(?:DAN|jailbroken|unrestricted|uncensored|unfiltered|bound by)\b)",
    r"(?i:\b(?:pretend|act|behave|respond)\b[^.\n]{0,32}"
    r"\b(?:no|without(?: any)?)\s{1,3}(?:rules|restrictions|filters|limitations|guidelines|censorship)\b)",
    r"(?i:\b(?:DAN|developer|god|jailbreak) mode\s{1,3}(?:enabled|activated|on)\b|\bdo anything now\b)",
    r"(?:进入|开启|启用|打开|切换到)(?:开发者|越狱|上帝|无限制|DAN)模式",
    r"(?:假装|扮演|你现在是)[^。！？\n]{0,16}(?:没有|不受|解除|摆脱)[^。！？\n]{0,6}(?:限制|规则|审查|约束)",
    # Marks of chat templates, which no user has to write.
    r"<\|(?:im_start|im_end|system|assistant|start_header_id|end_header_id|eot_id)\|>|\[/?INST\]|<</?SYS>>",
)
