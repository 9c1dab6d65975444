"""Word lists: what the rules model knows of topics, feelings, urgency, and yes and no."""

# ruff: noqa: E501  (a word list is read more easily on one line)

import re
from collections.abc import Mapping, Sequence
from functools import cache

TOPICS: Mapping[str, str] = {
    "definitions": r"means\b|has the meaning|have the meaning|defin\w+|interpretation|for ease of (reading|reference)|"
    r"for convenience|references? to (a|any) (statute|clause|person)|singular|variables?\b",
    "services": r"(provide|perform|supply|deliver|render)\w* (the |its |all )?(\w+ )?services|the services\b|skill and care|"
    r"service levels?|service credits?|uptime|availab(le|ility)|maintenance|support\b|deliverables|acceptance tests?|"
    r"access and use|restrictions?\b|suspen\w+|user accounts?|specification|functionality|beta\b|workmanlike",
    "payment": r"fees?\b|invoic\w+|pa(y|id|ys|yable|yment|yments)\b|charges?\b|price\w*|tax(es)?\b|vat\b|currency|in arrears|"
    r"set-?off|late payment|interest on|interest\b.{0,20}accru\w+|reimburse\w*|refund\w*|expenses",
    "renewal": r"renew\w*|non-?renewal|successive (periods?|terms?)|initial (term|period)|extend(s|ed)? automatically|"
    r"automatically extend\w*|roll(s|ed)? over|subscription period|commenc\w+|starts? on",
    "termination": r"terminat\w+|expir\w+|material breach|insolven\w+|cure\b|remed(y|ied) (the|such|it)|winding up|"
    r"survive\w*|survival|for convenience|hand(ing|s)? back|when this agreement ends|dissol\w+|bankrupt\w*",
    "confidentiality": r"confiden\w+|secret\w*|non-?disclosure|disclos\w+|receiving party|recipient\w*|need to know|"
    r"proprietary information|standard of care|return or destr\w+",
    "data": r"personal data|data protection|gdpr|privacy|process(or|ing|ed|es)?\b|data breach|security (incident|measures)\w*|"
    r"(usage|customer|service|client|user|prohibited|personal) (data|content)|customer content|anonymi[sz]\w*|aggregat\w+|"
    r"personal information|machine learning|artificial intelligence|de-?identif\w*|data subjects?|analy[sz]e",
    "ip": r"intellectual property|copyright\w*|patents?|trade ?marks?|moral rights|ownership|owns?\b|title,? and interest|"
    r"proprietary rights|licen[cs]es?\b|non-exclusive|inventions?|improvements?|feedback|derivative works?|source code|"
    r"reverse engineer|work product|reservation of rights|logo\w*",
    "warranty": r"warrant\w*|represent(s|ation|ations)\b|as is\b|as available|disclaim\w*|merchantab\w+|"
    r"(fitness for|satisfactory quality)|error-free|guarantees?",
    "liability": r"liab(le|ility|ilities)|consequential|indirect|loss(es)? of|lost profits|damages|cap(s|ped)?\b|"
    r"in no event|exceed|limits?\b|limitations?|negligence|gross(ly)? negligen\w+|exclu(de|des|sion|sions)\b",
    "indemnity": r"indemni\w+|hold\w* harmless|defend\w*|(third[- ]party|covered) claims?|settle(ment|s)?\b|"
    r"protected party|conduct of the defen[cs]e",
    "amendment": r"amend\w*|modif(y|ied|ication)\w*(?= (to|of|or change|this|these|the terms))|modifications?,|vari(ed|ation)\b|revis(e|ed|ion)\w*|changes? to (this|the|these) (agreement|terms)|"
    r"change (this|the|these) (agreement|terms)|updated? terms|signed by (both|each)",
    "audit": r"audit\w*|inspect\w*|books\b|records?\b|examin\w+|enter (any|the) premises|premises",
    "assignment": r"(assign|transfer|novat|delegat|subcontract)\w*\b[^.;]{0,40}(this agreement|rights|obligations|consent)|"
    r"assignment\b|successors|assignees?|change of control|sub-?contract\w*",
    "governing law": r"governing law|governed by (and|the laws?)|laws? of\b|jurisdiction|courts?\b|venue|arbitrat\w+|conflicts? of laws?|"
    r"dispute resolution|proceedings?|injuncti\w+|equitable relief|mediation|legal suit",
    "insurance": r"insur(e|ed|ance|er)\w*|policy of|coverage|premiums?",
    "force majeure": r"force majeure|beyond (its|their|the) (\w+ )?(reasonable )?control|acts? of god|natural disasters?|pandemic",
    "general": r"general$|general (terms|provisions)$|miscellaneous|entire agreement|severab\w+|unenforceable|counterparts?|no waiver|waivers?\b|notices?\b.{0,30}(writing|address|sent)|"
    r"third-part(y|ies) beneficiar\w+|independent contractors?|no partnership|headings|the rest stands|bribery|export|"
    r"remedies (are )?(cumulative|available)|in writing and sent|joint ventur\w+|government rights",
    "billing": r"invoic\w+|charg(e|ed|es|ing)|refund\w*|payment|paid|card|bill(s|ed|ing)?\b|price|subscription|overcharg\w+",
    "technical": r"error\w*|crash\w*|bugs?\b|broken|does ?n[o’']t work|not working|fail\w*|freez\w+|install\w*|update|screen|app\b|slow",
    "delivery": r"deliver\w*|arriv\w+|parcel|package|courier|shipp\w+|tracking|dispatch\w*|late\b|in transit",
    "account": r"account|log ?in|password|user ?name|profile|sign(ed)? (in|up)|locked out|verif\w+",
    "returns": r"return(s|ed|ing)?\b|exchange\w*|send (it )?back|refund\w*|replacement",
    "quality": r"quality|well made|flimsy|sturdy|cheap(ly)? made|broke\b|durab\w+|material|stitch\w*|solid",
    "cost": r"price|cost\w*|expensive|cheap\b|value|worth|money|afford\w*",
    "cancellation": r"cancel\w*|unsubscrib\w*|end my|stop my|close my account",
    "complaint": r"complain\w*|unacceptable|disappoint\w+|terrible|awful|angry|worst|fed up|not happy|unhappy",
    "praise": r"thank\w*|great|excellent|love\w*|perfect\w*|wonderful|amazing|happy",
    "question": r"\?|how (do|can|much|long)|what (is|are)|when (is|will)|could you|wondering",
    "booking": r"book\w*|reserv\w+|availab\w+|table for|tickets?\b|seats?\b",
    "travel": r"flight\w*|hotel\w*|trip|travel\w*|airport|airline|bus\b|train\b|check in|destination|rental car",
}
"""Topic to a pattern of its words and phrases; a hit is a word or phrase, not a letter sequence."""

ALIASES: Mapping[str, str] = {
    "definition": "definitions", "interpretation": "definitions", "service": "services", "scope": "services",
    "sla": "services", "performance": "services", "fees": "payment", "fee": "payment", "pricing": "payment",
    "price": "payment", "prices": "payment", "payments": "payment", "tax": "payment", "taxes": "payment",
    "term": "renewal", "duration": "renewal", "renewals": "renewal", "auto renewal": "renewal",
    "term and renewal": "renewal", "termination": "termination", "exit": "termination", "confidential": "confidentiality",
    "confidentiality": "confidentiality", "nda": "confidentiality", "privacy": "data", "data protection": "data",
    "data use": "data", "personal data": "data", "data privacy": "data", "security": "data",
    "intellectual property": "ip", "intellectual property rights": "ip", "ip rights": "ip", "ownership": "ip",
    "licence": "ip", "license": "ip", "warranties": "warranty", "representations": "warranty", "disclaimer": "warranty",
    "limitation of liability": "liability", "liabilities": "liability", "indemnities": "indemnity",
    "indemnification": "indemnity", "amendments": "amendment", "variation": "amendment", "changes": "amendment",
    "modification": "amendment", "audits": "audit", "assignments": "assignment", "transfer": "assignment",
    "law": "governing law", "jurisdiction": "governing law", "disputes": "governing law", "dispute": "governing law",
    "dispute resolution": "governing law", "venue": "governing law", "courts": "governing law", "boilerplate": "general",
    "miscellaneous": "general", "misc": "general", "other": "general", "technical support": "technical", "bug": "technical",
    "tech": "technical", "shipping": "delivery", "refund": "returns", "return": "returns", "login": "account",
    "value": "cost", "cancel": "cancellation", "complaints": "complaint", "compliment": "praise", "thanks": "praise",
    "inquiry": "question", "enquiry": "question", "invoice": "billing", "reservation": "booking",
}  # fmt: skip
"""What an enum value may be called, to the topic that it means."""

STRONG: Mapping[str, re.Pattern[str]] = {
    name: re.compile(words, re.I)
    for name, words in {
        "definitions": r"^\W*[\"“][^\"”]+[\"”]\W* (means|includes|has the meaning|will have the meaning)|\bdefinitions\b",
        "services": r"\bsuspend|service (levels?|credits?)", "payment": r"\b(fees|invoices?|payments?|payable|charges)\b",
        "renewal": r"\brenew|further (terms?|periods?)", "termination": r"\bterminat(e|es|ion)\b", "confidentiality": r"\bconfidential",
        "data": r"personal (data|information)|(customer|service|usage) (data|content)",
        "ip": r"intellectual property|right,? title,? and interest|\bgrants\b.{0,80}licen[cs]e|work product",
        "warranty": r"\bwarrants\b|\bas is\b|disclaim", "liability": r"\bliab(le|ility)\b", "indemnity": r"\bindemnif",
        "amendment": r"\bamend(s|ed|ment)?\b|modify th(is|ese)", "audit": r"\b(audit|inspect)",
        "assignment": r"\bassign\b[^.;]{0,60}(agreement|obligations)|\bassignment by\b", "governing law": r"governed by (and|the laws?)|jurisdiction|arbitrat",
    }.items()
}  # fmt: skip
"""Words that settle a topic more than its others do."""

TERM = re.compile(
    r"\W*[\"“][^\"”]{1,60}[\"”]\W*(means|includes|has the meaning|will have the meaning|shall mean)", re.I
)
"""How a clause opens that defines a single term."""

GRAVE = frozenset({"renewal", "data", "ip", "liability", "indemnity", "amendment", "audit", "governing law"})
"""Topics in which a clause that no list recognises still deserves a look."""

REST = frozenset({"general"})
"""Topics that also take what no other value of an enum is for (force majeure, insurance...)."""

CONTRACT = tuple(TOPICS)[: tuple(TOPICS).index("general") + 1]
"""The topics of contract clauses."""

GOOD = re.compile(
    r"\b(good|great|excellent|love[ds]?|lovely|perfect(ly)?|happy|pleased|delighted|satisf(ied|ying)|wonderful|amazing|awesome|"
    r"fantastic|brilliant|recommend(ed)?|best|nice(ly)?|helpful|friendly|comfortable|easy|fast|quick(ly)?|beautiful(ly)?|sturdy|"
    r"superb|thank(s| you)|works (well|great|fine|perfectly)|impressed|enjoy(ed)?|worth|reliable|smooth(ly)?|solid|fair)\b",
    re.I,
)
BAD = re.compile(
    r"\b(bad(ly)?|poor(ly)?|terrible|awful|horribl[ey]|hate[ds]?|worst|worse|disappoint\w*|broke(n)?|useless|slow(ly)?|late|"
    r"rude|angry|annoy\w*|frustrat\w*|refund|return(ed|ing)?|waste|cheaply|flimsy|fail(s|ed|ure)?|faulty|defective|problem\w*|"
    r"issue\w*|unhappy|uncomfortable|never again|missing|damaged|wrong|error\w*|crash\w*|unacceptable|stopped working|"
    r"complain\w*|difficult|confusing|dirty|overpriced|scam|leak\w*|tore|torn|scratch\w*|avoid)\b",
    re.I,
)
NOT = re.compile(
    r"\b(not|no|never|neither|nor|without|hardly|cannot|isn[’']?t|wasn[’']?t|n[’']t|\w+n[’']t)\W+(\w+\W+){0,2}$", re.I
)
"""A negation that reaches the word behind it."""
URGENT = re.compile(
    r"\b(urgent(ly)?|immediate(ly)?|asap|as soon as possible|right (now|away)|at once|emergency|critical|today|tonight|"
    r"deadline|stuck|stranded|locked out|outage|down|danger\w*|injur\w*|legal action|lawyer|cannot wait|time[- ]sensitive)\b",
    re.I,
)
CALM = re.compile(
    r"\b(no (rush|hurry)|whenever|when you (can|have time)|not urgent|just (wondering|curious)|thank(s| you))\b", re.I
)

ORDINAL: Sequence[Sequence[str]] = (
    ("none", "no risk", "negligible", "minimal", "trivial"),
    ("low", "minor", "small", "green", "acceptable", "mild", "routine"),
    ("medium", "moderate", "mid", "amber", "yellow", "normal", "standard", "elevated"),
    ("high", "major", "severe", "red", "serious", "urgent", "unacceptable"),
    ("critical", "very high", "extreme", "emergency", "blocker"),
)
"""Names of the steps of a scale, from least to most."""

YES = frozenset({"yes", "true", "y", "present", "found", "relevant"})
NO = frozenset({"no", "false", "n", "absent", "missing", "irrelevant"})


STOP = frozenset({
    "a", "about", "above", "after", "again", "all", "also", "am", "an", "and", "any", "are", "aren’t", "as", "at",
    "be", "because", "been", "before", "being", "below", "between", "both", "but", "by", "can", "cannot", "could",
    "did", "do", "does", "doing", "don’t", "down", "during", "each", "either", "else", "every", "few", "for",
    "from", "further", "had", "has", "have", "having", "he", "her", "here", "hereby", "herein", "hers", "him",
    "his", "how", "i", "if", "in", "into", "is", "isn’t", "it", "it’s", "its", "itself", "just", "let", "like",
    "may", "me", "might", "more", "most", "much", "must", "my", "neither", "no", "nor", "not", "now", "of", "off",
    "on", "once", "one", "only", "or", "other", "our", "ours", "out", "over", "own", "per", "shall", "she",
    "should", "so", "some", "such", "than", "that", "the", "their", "theirs", "them", "then", "there", "thereof",
    "these", "they", "this", "those", "through", "thus", "to", "too", "under", "until", "up", "upon", "very",
    "was", "we", "were", "what", "when", "where", "whether", "which", "while", "who", "whom", "whose", "why",
    "will", "with", "within", "without", "would", "yes", "yet", "you", "your", "yours", "i’m", "i’ve", "we’re",
    "that’s", "didn’t", "doesn’t", "can’t", "won’t", "wasn’t",
})  # fmt: skip
"""Words that carry no topic."""


def plain(value: str) -> str:
    """An enum value as words: ``GoverningLaw``, ``governing_law`` and ``Governing-Law`` are all ``governing law``."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", value)
    return re.sub(r"[\W_]+", " ", spaced).strip().lower()


def step(value: str) -> int | None:
    """Where a value stands on a scale from 0 (none) to 4 (critical), or None when it names no step.

    >>> step("Low"), step("HIGH_RISK"), step("blue")
    (1, 3, None)
    """
    words = re.sub(r" (risk|severity|urgency|priority|impact|concern)$", "", plain(value))
    return next((place for place, names in enumerate(ORDINAL) if words in names), None)


@cache
def topic(value: str) -> str | None:
    """The topic that an enum value means, or None when no list knows it."""
    words = plain(value)
    return words if words in TOPICS else ALIASES.get(words)


@cache
def pattern(name: str) -> re.Pattern[str]:
    """The compiled pattern of a topic."""
    return re.compile(rf"(?<!\w)(?:{TOPICS[name]})", re.IGNORECASE)
