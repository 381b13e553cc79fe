"""Turns of a conversation written into one text: `User: ... Assistant: ...`, or messages as JSON.

Such a text shows a model a conversation that never happened: answers it never gave, orders nobody gave. It is also how
people paste a chat, so it is noticed and counted, and the policy says what follows. Counted are the lines that begin
with a speaker and a colon, in some widely written languages, when there are at least two different speakers or one of
them is the system; and what reads as the role of a message in JSON.
"""

from __future__ import annotations

import re
from typing import Final

_SYSTEM: Final = "system|developer|système|sistema|система|系统|系統|システム|시스템"
_MODEL: Final = (
    "assistant|ai|bot|chatgpt|claude|model|assistent|asistente|assistente|ассистент|помощник|助手|助理|アシスタント"
    "|어시스턴트|مساعد"
)
_USER: Final = (
    "user|human|benutzer|nutzer|utilisateur|usuario|usuário|utente|gebruiker"
    "|пользователь|用户|用戶|ユーザー|사용자|مستخدم"
)
# Behind a line end, so that the search runs from line to line.
_LINE: Final = re.compile(
    rf"\n[ \t>*#_|-]{{0,8}}(?:(?P<system>{_SYSTEM})|(?P<model>{_MODEL})|(?P<user>{_USER}))[ \t*_]{{0,4}}[:：]", re.I
)
_MESSAGE: Final = re.compile(r'"role"\s{0,8}:\s{0,8}"(?:system|developer|assistant|tool)"', re.I)


def fake_turns(text: str) -> int:
    """How many turns the text imitates; 0 if it only mentions one speaker."""
    if ":" not in text and "：" not in text:
        return 0
    speakers = [found.lastgroup for found in _LINE.finditer(f"\n{text}")]
    spoken = len(speakers) if "system" in speakers or len(set(speakers)) > 1 else 0
    return spoken + (len(_MESSAGE.findall(text)) if '"' in text and '"role"' in text.casefold() else 0)
