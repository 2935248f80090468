"""The forms of lines behind the last row of a table that are no rows: counts, totals, legal lines and the like.

Each is known in several languages. A form is a whole line; a word of it alone may be the name of a person. ``re``
compiles a form when it is first needed and keeps it: few files need one, and all forms take 40 ms.
"""

from __future__ import annotations

import re
from typing import Final

_UNITS: Final = (
    "rows?|records?|lines?|entries|entry|results?|items?|contacts?|groups?|members?|users?|people|persons?|"
    "zeilen?|datens[aä]tze?|eintr[aä]ge?|personen|kontakte|lignes?|enregistrements?|filas?|registros?|contactos?|"
    "righe|riga|record|contatti|linhas?|contatos?|rijen|regels|records?|rader|poster|rækker|poster|rivi[äa]|"
    "mitglieder|teilnehmer|adh[ée]rents?|membres|leden|soci|s[oó]cios|miembros|membros|cz[lł]onk[oó]w|medlemmar|"
    "medlemmer|famil(?:y|ies)|familles|units?|"
    "wierszy|wiersze|rekord[oó]w|[rř][aá]dk[uůy]|z[aá]znam[uůy]|sor|kay[ıi]t|строк[аи]?|запис(?:ь|и|ей)|件|行|条|條"
)
_DONE: Final = (
    "exported|selected|affected|returned|found|listed|shown|displayed|fetched|imported|downloaded|processed|written|"
    r"total|in\stotal|in\sset|in\sfile|exportiert|gefunden|ausgew[äa]hlt|betroffen|insgesamt|"
    r"export[ée]e?s?|trouv[ée]e?s?|s[ée]lectionn[ée]e?s?|au\stotal|exportad[oa]s?|encontrad[oa]s?|seleccionad[oa]s?|"
    r"en\stotal|esportat[ieao]|trovat[ieao]|selezionat[ieao]|in\stotale|selecionad[oa]s?|no\stotal|"
    r"ge[eë]xporteerd|gevonden|geselecteerd|exporterade|wyeksportowan[oeych]+|exportov[aá]no|adet"
)
# Words for a sum. A word that is also a name of people (`Suma`) counts only with a colon.
_SUMS: Final = (
    r"totals?|sum|summe|gesamt|insgesamt|gesamtsumme|anzahl|total\sg[ée]n[ée]ral|total\sgeneral|totale|totaal|totalt|"
    r"razem|celkem|[öo]sszesen|toplam|yhteens[äa]|i\salt|итого|всего|合計|总计|總計|합계"
)
_NUMBER: Final = r"\d[\d,. ]*"
_COUNT: Final = rf"""(?:
      \(?{_NUMBER}\s*(?:rows?|records?|lines?|entries|results?|zeilen?|datens[aä]tze?|lignes?|enregistrements?|filas?
        |registros?|righe|linhas?|rijen|rader|wierszy|строк|записей|件|行|条|條)\)?              # (2 rows), 2 records
    | \({_NUMBER}\s*(?:{_UNITS})(?:\s(?:{_DONE}))?\)                                        # (2 contacts)
    | {_NUMBER}\s*(?:{_UNITS})\s(?:(?:were|was)\s)?(?:{_DONE})                              # 2 records exported
    | (?:{_DONE})\s*:?\s*{_NUMBER}\s*(?:{_UNITS})                                           # exported 2 records
    | (?:grand\s|sub-?\s?)?(?:count|suma|soma|somma|somme|summa|{_SUMS})\s*[:=：]\s*{_NUMBER}(?:\s*(?:{_UNITS}))?
    | (?:grand\s)?totals?\s(?:{_NUMBER}\s*(?:{_UNITS})|(?:(?:number\sof|de|di|von)\s)?(?:{_UNITS})\s*[:=]?\s*{_NUMBER})
    | (?:grand\s|sub-?\s?)?totals?\s*\(\s*{_NUMBER}\s*(?:{_UNITS})\)                                # Total (2 records)
    | (?:(?:number|count|no\.?)\sof|anzahl|nombre\s(?:de|d')|n[úu]mero\sde|numero\s(?:di)?|aantal|antal|antall)
      \s?(?:{_UNITS})\s*[:=：]?\s*{_NUMBER}
    | (?:{_UNITS}|(?:row|record|line)\scount)\s*[:=]\s*{_NUMBER}
    )(?:\s*\([\d.]+\s*s(?:ec(?:onds)?)?\))?[.;]?"""
_END: Final = (
    r"(?:the\s)?(?:end|eof|ende|fin|fine|fim|einde|slut|koniec|конец)"
    r"(?:\s?(?:of|-)\s?(?:the\s)?(?:file|report|list|export|data|table|records|document|input))?[.!]?"
)
_RIGHTS: Final = (
    r"\b(?:all\srights\sreserved|do\snot\sdistribute|alle\srechte\svorbehalten|tous\sdroits\sr[ée]serv[ée]s|"
    r"(?:todos\slos\sderechos|todos\sos\sdireitos)\sreservados|tutti\si\sdiritti\sriservati|"
    r"alle\srechten\svoorbehouden)\b"
)
_LEGAL: Final = rf"""(?:©|\(c\)\s|copyright\b).*|.*{_RIGHTS}.*
    |(?:strictly\s|streng\s)?(?:confidential(?:\sinformation|ity\snotice)?|vertraulich|confidentiel|confidencial
      |riservato|vertrouwelijk)(?:\s*[-–—:.].*)?"""
_MADE: Final = r"""(?:(?:report|file|list|data|bericht|datei|liste|rapport|fichier|informe|archivo|lista)\s)?
    (?:exported|generated|printed|created|downloaded|produced|extracted)(?:\s(?:by|on|at|from|with)\b|\s*:).*
    |(?:exportiert|erstellt|gedruckt|erzeugt)(?:\s(?:am|von|mit|um)\b|\s*:).*
    |(?:export[ée]e?|g[ée]n[ée]r[ée]e?|cr[ée][ée]e?|imprim[ée]e?)(?:\s(?:le|par|avec)\b|\s*:).*
    |(?:exportado|generado|creado|impreso|gerado|criado|esportato|generato|creato)
      (?:\s(?:el|por|con|em|por|il|da)\b|\s*:).*
    |(?:page|seite|p[áa]gina|pagina|sida|side|strona)\s\d+(?:\s?(?:of|von|de|di|sur|van|av|af|z|/)\s?\d+)?
    |(?:completion\s)?time:\s[\d.,].*"""
_TOTAL: Final = rf"(?:grand |sub-?)?(?:{_SUMS})\s*:?"
_FRAME: Final = "#*-=/<>[]{}~ \t"


def form_of(text: str) -> str | None:
    """Return the kind of a line that is no row (``count``, ``legal``, ``made`` or ``end``), or ``None``."""
    bare = text.strip(_FRAME)
    if "@" in text:
        return None
    if _is(_COUNT, text) or _is(_COUNT, bare):
        return "count"
    if _is(_LEGAL, text):
        return "legal"
    if _is(_MADE, text) or _is(_MADE, bare):
        return "made"
    # "End" alone may be a name; "# end" and "end of file" are not.
    if re.fullmatch(_END, bare, re.IGNORECASE) and (bare != text or " " in bare or bare.casefold() == "eof"):
        return "end"
    return None


def is_reserved(text: str) -> bool:
    """Return True if a line has words that no cell of a row has."""
    return re.search(_RIGHTS, text, re.IGNORECASE) is not None


def is_total(word: str) -> bool:
    """Return True for a word that begins a row of totals."""
    return re.fullmatch(_TOTAL, word, re.IGNORECASE) is not None


def _is(form: str, text: str) -> bool:
    return re.fullmatch(form, text, re.VERBOSE | re.IGNORECASE | re.DOTALL) is not None
