"""Ordinary sentences in many languages and scripts, for what costs more where text is not ASCII.

All say about the same: a ferry leaves in the morning, and who is on board. What counts is how they are written: in
letters with accents, composed or with marks of their own; in other alphabets, half of whose capitals look like Latin
ones; in scripts of thousands of signs; without spaces; with full-width punctuation; with pictures between the words.
"""

from __future__ import annotations

import unicodedata
from itertools import cycle, islice
from typing import Final

_TYPOGRAPHIC: Final = (
    "“The old ferry leaves a little after sunrise,” she said — “most mornings, that is…” It’s calm then, and there’s "
    "hardly anybody on board: a baker with warm loaves for the island, two teachers who mark essays at the window "
    "table, and a fisherman who doesn’t ever sit down. The crossing takes 40–45 minutes, long enough for a cup of tea. "
)
_GERMAN: Final = (
    "Die alte Fähre verlässt den Hafen kurz nach Sonnenaufgang, wenn das Wasser noch ruhig ist. Morgens fahren nur "
    "wenige Leute mit: ein Bäcker mit Broten für die Insel, zwei Lehrerinnen, die am Fenster Aufsätze korrigieren, und "
    "ein Fischer, der sich nie setzt. Die Überfahrt dauert etwa vierzig Minuten; das genügt für eine Tasse Tee. "
)
_FRENCH: Final = (
    "Le vieux bac quitte le port un peu après l’aube, quand la lumière est encore rasante et l’eau très calme. Le "
    "matin, il n’y a guère de monde à bord : un boulanger qui apporte des pains à l’île, deux maîtresses d’école qui "
    "corrigent leurs copies près de la fenêtre, et un pêcheur qui reste toujours debout. La traversée dure une heure. "
)
_CZECH: Final = (
    "Starý přívoz vyplouvá z přístavu krátce po východu slunce, když je voda ještě klidná. Většinou je na palubě jen "
    "několik lidí: pekař s čerstvými bochníky pro ostrov, dvě učitelky, které u okna opravují písemky, a rybář, který "
    "si nikdy nesedne. Cesta trvá asi čtyřicet minut, což stačí na šálek čaje a pohled na racky za lodí. "
)
_VIETNAMESE: Final = (
    "Chuyến phà cũ rời bến ngay sau khi mặt trời mọc, lúc ánh sáng còn thấp và mặt nước rất êm. Buổi sáng thường chỉ "
    "có vài người trên phà: một người thợ làm bánh mang bánh mì nóng ra đảo, hai cô giáo chấm bài bên cửa sổ, và một "
    "ông đánh cá không bao giờ chịu ngồi. Chuyến đi kéo dài khoảng bốn mươi phút, đủ để uống một tách trà nóng. "
)
_GREEK: Final = (
    "Το παλιό πορθμείο φεύγει από το λιμάνι λίγο μετά την ανατολή, όταν η θάλασσα είναι ακόμη ήρεμη. Τα περισσότερα "
    "πρωινά έχει λίγους επιβάτες: έναν φούρναρη με ζεστά καρβέλια για το νησί, δύο δασκάλες που διορθώνουν εκθέσεις "
    "δίπλα στο παράθυρο και έναν ψαρά που δεν κάθεται ποτέ. Το ταξίδι κρατά σαράντα λεπτά, όσο ένα φλιτζάνι τσάι. "
)
_RUSSIAN: Final = (
    "Старый паром уходит из гавани вскоре после восхода, когда свет ещё низкий, а вода спокойна. По утрам на борту "
    "мало людей: пекарь с тёплым хлебом для острова, две учительницы, которые проверяют сочинения у окна, и рыбак, "
    "который никогда не садится. Переправа занимает около сорока минут: хватает, чтобы выпить чаю и смотреть на чаек. "
)
_ARABIC: Final = (
    "تغادر العبّارة القديمة الميناء بعد شروق الشمس بقليل، حين يكون الماء هادئًا. في الصباح لا يركبها سوى عدد قليل من "
    "الناس: خبّاز يحمل أرغفة ساخنة إلى الجزيرة، ومعلّمتان تصحّحان الأوراق قرب النافذة، وصيّاد لا يجلس أبدًا. تستغرق "
    "الرحلة نحو أربعين دقيقة، وهي مدّة تكفي لشرب كوب من الشاي. "
)
_HINDI: Final = (
    "पुरानी नाव सूरज निकलने के थोड़ी देर बाद बंदरगाह से चलती है, जब पानी शांत रहता है। सुबह नाव पर थोड़े ही लोग होते हैं: एक "
    "रोटीवाला जो द्वीप के लिए गरम रोटियाँ ले जाता है, दो शिक्षिकाएँ जो खिड़की के पास कापियाँ जाँचती हैं, और एक मछुआरा जो कभी "
    "नहीं बैठता। पार जाने में लगभग चालीस मिनट लगते हैं, एक प्याला चाय पीने के लिए काफ़ी समय। "
)
_CHINESE: Final = (
    "老渡轮在日出后不久离开港口，那时光线还很低，水面十分平静。大多数早晨船上只有几个人：一位给岛上送热面包的面包师，"
    "两位坐在窗边批改作文的老师，还有一位从不坐下的渔夫。航程大约四十分钟，足够喝一杯茶，看海鸥跟着船尾飞。"
    "岛上的路从石墙之间往上走，经过种着豆子和玫瑰的园子，一直通到学校。冬天船有时停航一个星期，孩子们就在家里听广播上课。"
)
_JAPANESE: Final = (
    "古い渡し船は、日の出から間もなく、まだ光が低く水面が静かなうちに港を出る。朝はたいてい数人しか乗っていない。"
    "島へ焼きたてのパンを運ぶパン屋、窓際の席で作文を採点する二人の先生、そして決して座らない漁師だ。"
    "航海はおよそ四十分で、お茶を一杯飲み、船の後を追うカモメを眺めるにはちょうどよい。"
)
_KOREAN: Final = (
    "낡은 나룻배는 해가 뜨고 얼마 지나지 않아, 빛이 아직 낮고 물이 잔잔할 때 항구를 떠난다. 아침에는 "
    "대개 몇 사람만 타고 있다. 섬에 따뜻한 빵을 나르는 제빵사, 창가에서 글짓기를 채점하는 선생님 두 분, 그리고 절대 "
    "앉지 않는 어부다. 건너는 데는 사십 분쯤 걸리는데, 차 한 잔을 마시고 배를 따라오는 갈매기를 바라보기에 넉넉하다. "
)
_EMOJI: Final = (
    "The old ferry ⛴️ leaves at sunrise 🌅, when the water is calm 🌊🙂. On board: a baker 👩‍🍳 with warm loaves 🍞🥖, "
    "two teachers 👩🏽‍🏫👨🏻‍🏫 who mark essays 📝 by the window, and a fisherman 🎣 who never sits down 😅❤️. It takes "
    "forty minutes ⏱️, long enough for a cup of tea ☕ and to watch the gulls 🕊️ follow 👀. Flags: 🇨🇭🇬🇷, score 3️⃣:2️⃣ ✅. "
)
# A flag that is spelled in tag characters, which can spell anything.
_SCOTLAND: Final = "🏴" + "".join(chr(0xE0000 + ord(letter)) for letter in "gbsct\x7f")

_SENTENCES: Final = {
    "typographic": _TYPOGRAPHIC,
    "german": _GERMAN,
    "french": _FRENCH,
    "czech": _CZECH,
    "vietnamese": _VIETNAMESE,
    "viet. marks": unicodedata.normalize("NFD", _VIETNAMESE),
    "greek": _GREEK,
    "russian": _RUSSIAN,
    "arabic": _ARABIC,
    "hindi": _HINDI,
    "chinese": _CHINESE,
    "japanese": _JAPANESE,
    "korean": _KOREAN,
    "emoji": _EMOJI,
    "with tags": _EMOJI.replace("🇨🇭", _SCOTLAND),
}


def sentences() -> dict[str, str]:
    """A few sentences of each kind, by its name."""
    return dict(_SENTENCES)


def at_length(text: str, size: int) -> str:
    """The text again and again, as many characters as fit into so many bytes of UTF-8."""
    long = "".join(islice(cycle(text), size))
    return long.encode()[:size].decode(errors="ignore")
