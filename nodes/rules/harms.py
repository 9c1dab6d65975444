"""Wording that harms the party that buys or uses, and wording that eases it: what the rules model knows of risk."""

# ruff: noqa: E501  (a pattern is read more easily on one line)

import re
from dataclasses import dataclass

_P = r"(?:provider|supplier|vendor|licensor|company|contractor|consultant|seller|lessor|landlord|we)\b"
_C = r"(?:customer|client|licensee|buyer|purchaser|subscriber|tenant|lessee|you)\b"
_MAY = r"(?:may|can|shall be entitled to|is entitled to|reserves? the right to|has the right to)"
_LONG = r"(?:9\d|[1-9]\d\d|ninety|one hundred(?: and \w+)?)(?:\s*\(\d+\))? (?:calendar )?days|(?:[4-9]|1[0-2]|four|six|nine|twelve) months"
_YEARS = r"(?:1[89]|2[4-9]|[3-9]\d) months|(?:two|three|four|five|[2-9]) years"


@dataclass(frozen=True)
class Harm:
    """One kind of wording."""

    label: str
    """What it is, in words that can open a reason."""
    weight: float
    """What it adds to the risk; negative for wording that eases it. From 1.5 a clause is of medium, from 4 of high risk."""
    pattern: re.Pattern[str]


@dataclass(frozen=True)
class Hit:
    """A kind of wording found in a text."""

    harm: Harm
    start: int
    end: int


def _harm(label: str, weight: float, *patterns: str) -> Harm:
    return Harm(label, weight, re.compile("|".join(patterns), re.IGNORECASE))


HARMS = (
    _harm("the buying side indemnifies", 2, rf"{_C}[^.]{{0,60}}\bindemnif", rf"indemnity by the {_C}"),
    _harm("without limit", 2, r"\bwithout (any )?limit\b", r"\bunlimited (liability|indemnit)", r"\bof (whatever|any) (nature|kind)\b"),
    _harm("for every claim", 1, r"\bany and all (\w+ )?(claims?|loss|losses|liabilit|damages)"),
    _harm("whoever is at fault", 1.5, r"whether or not\b[^.;]{0,60}\bfault", r"regardless of (fault|cause|negligence)", rf"(including|even)[^.;]{{0,30}}caused by (the )?{_P}"),
    _harm("liability is excluded", 2.5, rf"(?<!neither )\b{_P}[^.;]{{0,40}}\b(shall|will|is|are) not be (held )?(liable|responsible)",
          rf"\b{_P} (shall|will) have no (liability|responsibility)", rf"\b{_P} accepts? no (liability|responsibility)", rf"(?<!neither )\b{_P}[^.;]{{0,30}}excludes? all liability"),
    _harm("even for the other side’s own negligence", 1.5, rf"(negligence|fault) of (the )?{_P}", rf"{_P}[’']s? (own )?(\w+ )?(negligence|default|fault)"),
    _harm("the cap protects one side only", 2, rf"\b{_P}[’']s? (\w+ )?(\w+ )?(liability|obligations)\b[^.;]{{0,90}}\b(not|no event|never)\b[^.;]{{0,20}}\bexceed",
          rf"no (event|case|circumstances?)[^.;]{{0,20}}\b{_P}[’']s? (\w+ )?(\w+ )?liability[^.;]{{0,60}}\bexceed",
          rf"liability of (the )?{_P}[^.;]{{0,90}}\bexceed"),
    _harm("the cap is low", 1.5, r"exceed[^.;]{0,40}[£$€]\s?(\d{1,2},\d{3}|\d{1,4})\b(?!,\d)", r"exceed[^.;]{0,20}\b(one|two|five|ten)( hundred| thousand)? (pounds|dollars|euros)", r"exceed[^.;]{0,80}\b(one|preceding|previous|last) month",
          r"exceed[^.;]{0,80}\bin the month"),
    _harm("the buying side’s liability has no cap", 2, rf"{_C}[’']s? (\w+ )?liability[^.;]{{0,40}}\b(unlimited|not (be )?(limited|capped)|without limit)",
          r"limit(s|ations?)? (in|of) clause[^.;]{0,40}(do|does|shall|will) not apply to (the )?(customer|client)"),
    _harm("prices can be raised at will", 2.5, rf"{_P} {_MAY}[^.;]{{0,30}}\b(increas|rais|chang|adjust|revis|var|review)\w*[^.;]{{0,40}}\b(fees?|prices?|charges?|rates?|tariffs?)\b",
          rf"(fees?|prices?|charges?|rates?)\b[^.;]{{0,60}}\b(increased?|changed|adjusted|revised|set|determined)\b[^.;]{{0,20}}\bby (the )?{_P}"),
    _harm("by any amount", 1.5, r"\bby any (amount|sum|percentage|proportion|extent)", r"\bto any (level|amount)"),
    _harm("no way out", 1.5, r"no right to (terminate|cancel|withdraw|object)", r"may not (terminate|cancel|withdraw)\b", r"non-?cancell?able"),
    _harm("a list that can change defines what is owed", 1.5, rf"{_P}[’']s? (price list|tariff|policies|website)[^.;]{{0,40}}(from time to time|then[- ]current|as amended)",
          rf"\bas (the )?{_P} may (\w+ )?(determine|decide|set|publish|amend|update|change)"),
    _harm("renews by itself", 1.5, r"\brenews? automatically|automatically (be )?(renew|extend)\w*|renewed automatically|\bevergreen\b|(is|are|be) (extended|renewed) for (further|successive|additional)"),
    _harm("for years at a time", 1.5, rf"(?:renew|extend)[^.]{{0,80}}\b(?:{_YEARS})", rf"(?:successive|further|additional)[^.]{{0,40}}\b(?:{_YEARS})"),
    _harm("leaving takes very long notice", 2, rf"(?:not less than|at least|minimum of|no later than)[^.;]{{0,15}}(?:{_LONG})(?=[^.]{{0,60}}\b(?:before|prior|notice|end|expir))"),
    _harm("notice only by post", 0.5, r"by (registered|recorded) (post|mail|delivery)"),
    _harm("the other side can rewrite the terms", 3, rf"{_P} {_MAY}[^.;]{{0,40}}\b(amend|modif|var[yi]|revis|updat|chang)\w*[^.;]{{0,30}}\b(agreement|terms|conditions|policy|policies)\b"),
    _harm("merely by posting them", 1.5, r"(effect|effective)[^.;]{0,20}\b(when|once|upon|on)\b[^.;]{0,15}\b(publish|post)(ed|ing|ication)", r"\b(by )?post(ing|ed)\b[^.;]{0,60}\b(website|site|online|portal)", r"publish\w* [^.;]{0,40}\bwebsite"),
    _harm("silence or use counts as consent", 1.5, r"continued use[^.;]{0,60}\b(accept|agree|consent)", r"\bdeemed (to (have )?)?(be )?(accept|agree|consent|approv|waive)\w*"),
    _harm("services can be changed or withdrawn at will", 1.5, rf"{_P} {_MAY}[^.;]{{0,40}}\b(withdraw|discontinu|suspend|remov|replac|degrad)\w*"),
    _harm("the buying side assigns its rights", 2.5, rf"{_C}[^.;]{{0,50}}\b(assigns?|transfers?|cedes?|grants? and assigns?)\b[^.;]{{0,140}}\b(rights?|title|intellectual|ownership|inventions)"),
    _harm("even those not yet made", 1, r"present (and|or) future|now or (in future|hereafter)|whether (now|existing|developed)[^.;]{0,30}(or|future)"),
    _harm("moral rights are waived", 0.5, r"waives?\b[^.;]{0,40}moral rights"),
    _harm("use of data for any purpose", 3, r"\b(data|content|information|materials)\b[^.]{0,60}\b(for any (lawful |business |commercial )?purposes?|without (any )?restriction|as it sees fit|for its own purposes)",
          r"for any (lawful |business |commercial )?purposes?\b[^.]{0,60}\b(data|content)\b"),
    _harm("data may be sold or passed on", 2.5, rf"{_P} {_MAY}[^.]{{0,80}}\b(sell|sublicen[cs]e|publish|commerciali[sz]e|monetis|monetiz)\w*[^.]{{0,80}}\b(data|content|information|statistics)",
          r"share (it|them|such data|the data)[^.;]{0,20} with (any )?third parties"),
    _harm("data may be used for marketing", 2, r"(personal|contact|usage) (data|information)[^.;]{0,80}\b(marketing|advertis\w+|promot\w+)"),
    _harm("secrets may be passed on", 3.5, rf"confidential information[^.;]{{0,40}}may be (used|disclosed|shared|published)[^.;]{{0,20}}\bby (the )?{_P}",
          rf"{_P} {_MAY}[^.;]{{0,30}}(disclose|share|publish)[^.;]{{0,20}}{_C}[’']s? confidential"),
    _harm("models are trained on the buying side’s data", 2.5, r"\b(train|develop|enhance)\w*\b[^.;]{0,60}\b(machine learning|artificial intelligence|models?|algorithms?)\b"),
    _harm("for ever", 1, r"\bin perpetuity|\bperpetual(ly)?\b|\bforever\b|\bfor ever\b"),
    _harm("irrevocably", 1, r"\birrevocabl[ey]\b(?! submit)"),
    _harm("all claims are released", 4, rf"{_C}[^.;]{{0,40}}\breleases?\b[^.;]{{0,60}}\b(all|any|every)\b[^.;]{{0,20}}\b(claims?|liabilit)"),
    _harm("rights are waived", 2, rf"{_C}[^.;]{{0,40}}\bwaives?\b[^.;]{{0,15}}\b(any|all|every|its|the)\b[^.;]{{0,20}}\b(rights?|claims?|remed|objection|defen[cs]e)", r"waive\w* (any|the|all|its) (right to (a )?)?(jury|class)"),
    _harm("audit without notice or limit", 3, r"\b(audit\w*|inspect\w*|enter\w*|access (the |its )?(\w+[’']s? )?(premises|systems|records|books|facilit\w+))\b[^.]{0,100}\b(without (any |prior )?notice|at any time|unannounced)",
          r"(without (any |prior )?notice|at any time)[^.]{0,40}\b(audit|inspect|enter|access (the |its )?(\w+[’']s? )?(premises|systems|records|books))"),
    _harm("at the buying side’s cost", 1.5, rf"{_C} (shall|will|must) (bear|pay|meet|cover|reimburse)[^.;]{{0,30}}\b(costs?|expenses?) of (every|any|each|all|the|such)"),
    _harm("a penalty", 1, r"\bplus \d+ ?%|\bpenalt(y|ies)\b|liquidated damages"),
    _harm("steep interest", 1.5, r"(1\.5|[2-9]|1\d) ?(%|per ?cent) (per|a|each) (calendar )?month|(1[5-9]|[2-9]\d) ?(%|per ?cent) (per|a) (year|annum)"),
    _harm("at its sole discretion", 1.5, r"\bsole(ly)? (and absolute )?(discretion|judge?ment|opinion|determination)|absolute discretion|as determined (solely )?by (the )?(provider|supplier|vendor)|\bat its (own )?discretion|as (it|the \w+|\w+) (sees|considers|deems|thinks) (fit|appropriate|proper)"),
    _harm("no liability for it", 1, r"\bwithout (any )?liability\b"),
    _harm("without notice", 1, r"\bwith(out| or without) (any |prior |giving )?notice\b"),
    _harm("no refund", 1, r"\bnon-?refundable\b|\bno refunds?\b|without (any )?refund"),
    _harm("one side may transfer freely", 2, rf"{_P} {_MAY}[^.;]{{0,30}}\b(assign|transfer|novate|delegate)\w*[^.;]{{0,60}}\b(at its|freely|to any(one| person| third)|in its)", rf"{_P} {_MAY}[^.;]{{0,80}}\b(assign|transfer|novate|subcontract|delegate)\w*[^.;]{{0,80}}\bwithout\b[^.;]{{0,30}}\bconsent"),
    _harm("one side only", 1.5, rf"{_C} (has|have|shall have) no (corresponding|similar|such|equivalent|reciprocal) right", rf"{_C} (shall|may) not (do so|terminate)", rf"{_C} may (terminate )?only\b|any \w+ by (the )?{_C} is void"),
    _harm("one side may leave at will", 1, rf"(?<!neither )\b{_P} {_MAY}[^.;]{{0,40}}\bterminate\b[^.;]{{0,80}}\b(convenience|at any time|any reason|no reason|without cause|immediately)"),
    _harm("what is left falls due at once", 2, r"(remaining|outstanding|future|balance of)[^.;]{0,60}\b(immediately|at once|become\w*) (\w+ )?(due|payable)|early termination (fee|charge)"),
    _harm("exclusive courts", 1, r"(?<!non-)\bexclusive jurisdiction\b|arbitration in\b|must be (brought|instituted)[^.;]{0,40}\bcourts?"),
    _harm("the other side may sue anywhere", 1.5, rf"{_P} {_MAY}[^.;]{{0,40}}\b(proceedings|suit|action|claim)\b[^.;]{{0,30}}\bany (court|jurisdiction|other)"),
    _harm("in a distant place", 1, r"\b(cayman|bermuda|british virgin|seychelles|mauritius|panama|belize|vanuatu|marshall islands|isle of man|jersey|guernsey)\b"),
    _harm("as is", 1, r"[“\"']as is\b|\bas[- ]available\b|with all faults"),
    _harm("warranties are disclaimed", 1.5, r"\bdisclaims?\b[^.;]{0,60}\b(warrant|condition|guarantee)|no warrant(y|ies)\b|without (any )?warrant(y|ies)\b|makes no (guarantee|warrant|representation)"),
    _harm("one remedy only", 1.5, r"\b(sole|only|exclusive) (and exclusive )?remed(y|ies)\b"),
    _harm("very short time", 1, r"\bwithin (one|two|three|four|five|six|seven|[1-7])(\s*\(\d\))? (business |working |calendar )?days?\b", r"(one|two|three|five|seven|[1-7]) (business |working )?days[’'] notice"),
    _harm("pay first, argue later", 1.5, r"(not|nor|never)\b[^.;]{0,30}\bwithhold[^.;]{0,20}\bpayment|without (any )?(set-?off|deduction|counterclaim)|even (while|if)[^.;]{0,20}dispute"),
    _harm("for years afterwards", 1, r"years? (thereafter|after (the )?(termination|expiry|end))"),
    _harm("the buying side is bound to one source", 3, rf"{_C} (shall|will|must|may) not[^.;]{{0,30}}\b(engage|use|buy|purchase|appoint|procure)\b[^.;]{{0,40}}\b(any other|another|similar|elsewhere)", rf"{_C} (shall|will|must) not[^.;]{{0,60}}\b(compet|similar services|other (provider|supplier|vendor)|solicit)", r"exclusive (supplier|provider|vendor)\b"),
    _harm("name and logo may be used", 1.5, rf"{_P} {_MAY}[^.;]{{0,60}}\b(name|logo|trade ?marks?)\b(?![^.]{{0,80}}consent)"),
    _harm("what belongs to the buying side is defined away", 2, r"“[^”]*(customer|client|user)[^”]*” means[^.;]{0,120}\b(unless|excluding|excludes|except|other than)\b"),
)  # fmt: skip
"""What raises the risk."""

EASES = (
    _harm("it binds both sides alike", -2, r"\b(each|either|neither|both) part(y|ies)\b|\bmutual(ly)?\b|\bthe other party\b|\bthe parties (will|shall|each)\b"),
    _harm("consent may not be withheld without reason", -1, r"not (be )?unreasonably (withheld|delayed)|reasonable consent"),
    _harm("reasonable notice is due", -1, r"reasonable (prior |advance |written )*notice|business hours|(30|60|thirty|sixty)( \(\d+\))? days[’']?( prior| written)* notice|first give|first notif"),
    _harm("money comes back", -1, r"\b(shall|will)\b(?! not)[^.;]{0,60}\brefund|pro-?rated refund"),
    _harm("only what is undisputed", -0.5, r"\bundisputed\b"),
    _harm("an ordinary standard of care", -1, r"reasonable (skill|care)|skill and care|standard of care|good industry practice|reasonable steps"),
    _harm("only on instructions or as needed", -1, r"only (on|in accordance with)[^.;]{0,30}instructions|only (as|to the extent) (needed|necessary|required)|as far as[^.;]{0,30}require"),
    _harm("identities are removed first", -1, r"aggregated|anonymi[sz]ed|de-?identif"),
    _harm("a limit is set to increases", -2, r"(not|no) (exceed|more than|greater than)[^.;]{0,20}\d+ ?%|consumer price|retail price"),
    _harm("third parties’ claims only", -0.75, r"(third[- ]party|covered) claims?"),
    _harm("other remedies stay open", -0.5, r"(not|without) (limit|prejudice)\w*[^.;]{0,30}(any )?other (right|remed)"),
)  # fmt: skip
"""What lowers it."""

MEDIUM, HIGH, CRITICAL = 1.5, 4.0, 9.0
"""From which weight a text is of medium, high, critical risk."""


def hits(text: str, start: int = 0) -> list[Hit]:
    """Every kind of wording that stands in a text from ``start`` on, each at its first place, in the order of the lists."""
    plain = text.replace("\n", " ")
    matches = ((harm, harm.pattern.search(plain, start)) for harm in (*HARMS, *EASES))
    return [Hit(harm, match.start(), match.end()) for harm, match in matches if match]


def weight(found: list[Hit]) -> float:
    """The risk of a text from its hits; below 0 where what eases it prevails."""
    return sum(hit.harm.weight for hit in found)
