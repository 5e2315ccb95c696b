"""Domains and words that are not what they look like: which are flagged, which are not; every channel knows of it."""

from __future__ import annotations

import pytest

from hitl_core.gate.lookalikes import MOST, in_arguments, in_prose
from hitl_core.protocol import Context
from tests.core.shop import Shop, one_refund, only

ORDINARY = [
    "müller.de",
    "https://www.straße-köln.de/anfahrt",
    "例え.jp",
    "はじめよう.みんな",
    "ソニーstore.jp",
    "中文网.cn",
    "한국어-go.kr",
    "пример.рф",
    "почта.ru",
    "хор.рф",
    "оса.ru",
    "приклад.укр",
    "президент.бг",
    "και.gr",
    "παράδειγμα.ελ",
    "հայ.am",
    "café.fr",
    "æøå.dk",
    "þjóð.is",
    "łódź.pl",
    "kırmızı.com.tr",
    "उदाहरण.भारत",
    "مثال.إختبار",
    "نامه\u200cای.com",
    "דוגמה.co.il",
    "ann@müller.de",
    "faß.de",
    "paypal.com",
    "v2.0",
    "see https://example.com/a?b=c#d.",
]

PROSE = [
    "Платёж за заказ 12.5 готов. Проверьте API-ключ.Потом отправьте.",
    "Смотри отчет-v2.pdf и план-Q3.xlsx",
    "И.О.Фамилия, т.е. Иванов А.Б.",
    "Die Größe ist 1.5. Übrigens: z.B. so.",
    "价格是3.5元。谢谢。OK。",
    "x→y, α.1, β-test",
    "web-сайт, VIP-зал, 5G-сеть, Wi-Fi-роутер, А123ВС77, α-ray, 10 µm, 3Ωm, 12ос",
    "Müller, naïve, café, Łódź, kırmızı",
    "あいうABC, 中文abc, 한국abc",
    "...",
    "",
]

SUSPICIOUS = {
    "pаypal.com": "mixes Cyrillic and Latin letters",
    "https://login.pаypal.com/signin": "mixes Cyrillic and Latin letters",
    "gооgle.com": "mixes Cyrillic and Latin letters",
    "ann@exаmple.com": "mixes Cyrillic and Latin letters",
    "PАYPAL.COM": "mixes Cyrillic and Latin letters",
    "cбербанк.рф": "mixes Cyrillic and Latin letters",
    "αpple.com": "mixes Greek and Latin letters",
    "αпельсин.com": "mixes Cyrillic and Greek letters",
    "аррӏе.com": "looks like 'apple' and is not",
    "www.аррӏе.com": "looks like 'apple' and is not",
    "еріс.com": "looks like 'epic' and is not",
    "раураӏ.com": "looks like 'paypal' and is not",
    "ρυρρυ.com": "looks like 'pupp",
    "gıthub.com": "looks like 'github' and is not",
    "ɡoogle.com": "looks like 'google' and is not",
    "xn--80ak6aa92e.com": "looks like 'apple' and is not",
    "pay\u200bpal.com": "cannot be seen",
    "pay\u00adpal.com": "cannot be seen",
    "https://отчет-v2.pdf": "mixes Cyrillic and Latin letters",
    "pаypal。com": "mixes Cyrillic and Latin letters",
}


@pytest.mark.parametrize("text", [*ORDINARY, *PROSE])
def test_ordinary_names_are_not_flagged(text: str) -> None:
    assert in_arguments({"text": text, text: 1}) == []
    assert in_prose(Context(message=text, details={"more": [text]})) == []


@pytest.mark.parametrize(("text", "why"), SUSPICIOUS.items(), ids=ascii)
def test_a_name_that_is_not_what_it_looks_like_is_flagged(text: str, why: str) -> None:
    (warning,) = in_arguments({"to": {"url": [f"go to {text}, now"]}})
    assert warning.startswith("arguments.to.url.0: the domain ")
    assert why in warning
    (said,) = in_prose(Context(message=f"({text})"))
    assert said.startswith("the agent's words: the domain ")


@pytest.mark.parametrize(
    ("text", "word", "reads", "scripts"),
    [
        ("pay it to аpple", "аpple", "apple", "Cyrillic and Latin"),
        ("Асme Ltd", "Асme", "acme", "Cyrillic and Latin"),
        ("customer_id: user_аdmin-7", "аdmin", "admin", "Cyrillic and Latin"),
        ("rοοt", "rοοt", "root", "Greek and Latin"),
        ("report-pаid.pdf", "pаid", "paid", "Cyrillic and Latin"),
    ],
    ids=ascii,
)
def test_a_word_that_is_not_what_it_looks_like_is_flagged(text: str, word: str, reads: str, scripts: str) -> None:
    why = f"the word {word!r} looks like {reads!r} and is not: it mixes {scripts} letters"
    assert in_arguments({"to": [text]}) == [f"arguments.to.0: {why}"]
    assert in_prose(Context(message=text)) == [f"the agent's words: {why}"]


def test_the_warning_has_the_name_under_which_it_is_looked_up() -> None:
    (warning,) = in_arguments({"url": "https://аррӏе.com/"})
    assert warning == (
        "arguments.url: the domain 'аррӏе.com' is 'xn--80ak6aa92e.com': 'аррӏе' looks like 'apple' and is not"
    )


def test_an_encoded_name_is_shown_as_it_reads() -> None:
    (warning,) = in_arguments({"url": "https://XN--mller-kva.de/"})
    assert warning == "arguments.url: the domain 'XN--mller-kva.de' reads 'müller.de'"
    (broken,) = in_arguments({"url": "xn--99999999999.com"})
    assert broken == "arguments.url: the domain 'xn--99999999999.com' cannot be decoded"
    (ending,) = in_arguments({"url": "почта.xn--p1ai"})
    assert ending == "arguments.url: the domain 'почта.xn--p1ai' reads 'почта.рф'"


def test_keys_are_looked_at_each_warning_comes_once_and_not_without_end() -> None:
    assert len(in_arguments({"pаypal.com": 1, "n": None, "b": True})) == 1
    assert len(in_arguments({"url": "pаypal.com and again pаypal.com"})) == 1
    assert len(in_arguments({f"url{number}": "pаypal.com" for number in range(50)})) == MOST


# ── on the request ───────────────────────────────────────────────────────────────────────────────────────────


async def test_every_request_has_the_warnings_and_an_edit_has_its_own(shop: Shop) -> None:
    """They stand in the stored request, so that whatever shows it shows them."""
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start({"order": "https://pаypal.com"})
        request = only(run)
        (warning,) = request.preview.warnings
        assert warning.startswith("arguments.order: the domain 'pаypal.com' is 'xn--pypal-4ve.com'")
        stored = (await hitl.request(request.id)).request
        assert stored.preview == request.preview
        edited = await hitl.preview(request, {"order": "https://gıthub.com", "amount": 1.0})
        assert edited is not None
        assert "looks like 'github'" in edited.warnings[0]
        assert await hitl.preview(request, {"order": "A-1042", "amount": 1.0}) is None
