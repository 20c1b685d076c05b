"""Masking secrets, so that a record can be kept for years and shown to others.

Found by the name they go under (`password=…`, `{"api_key": …}`), by where they stand (credentials in a
URL, an authorization header, the path of a webhook) or by the known shape of a key. A secret that has none
of these looks like other text and stays, unless its param is marked as secret.

Patterns start at a fixed word and repeat within bounds, so that no text makes them slow.
"""

import re
from functools import lru_cache
from itertools import pairwise

from mission_control.model.problems.secret_references import MASK

_PASSWORD_WORDS = frozenset(
    ("password", "passwd", "pwd", "passphrase", "secret", "secrets", "credential", "credentials")
)
_TOKEN_WORDS = frozenset(("token", "tokens", "apikey", "authorization", "cookie", "jwt", "bearer", "dsn"))
_CODE_WORDS = frozenset(("pin", "pins", "otp", "totp", "passcode"))
_WEBHOOK_WORDS = frozenset(("webhook", "webhooks"))
_PLAIN_WORDS = _PASSWORD_WORDS | _TOKEN_WORDS | _CODE_WORDS | _WEBHOOK_WORDS | {"pass"}
_PAIRS = frozenset(
    (
        *("api key", "access key", "private key", "signing key", "encryption key", "auth key", "account key"),
        *("shared key", "master key", "license key", "access code", "session id", "hook url"),
    )
)
_COUNTED_WORDS = frozenset(("token", "tokens", "pass"))
_SHORTEST_CODE = 1_000
"""Smaller numbers are those of a pin on a board, not of a card."""

_CAMEL_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_WORD = re.compile(r"[A-Za-z0-9]+")
_LONGEST_NAME = 200

_NAMED = (
    r"(?:passw(?:or)?d|pwd|passphrase|secret|token|(?:api|access|private|signing|encryption|account)[_-]?key"
    r"|(?<![a-z])(?:pin|t?otp|passcode|dsn)(?=[\"']?\s{0,3}[:=]\s{0,3}[\"']?[0-9a-z]{4}))"
    r"(?:[_-](?:key|value))?"
)
_NAMED_HINTS = ("passw", "pwd", "passphrase", "secret", "token", "key", "pin", "otp", "passcode", "dsn")
_SHAPES = (
    (("sk-",), r"\bsk-[\w-]{16,256}"),
    (("k_live_", "k_test_"), r"\b[sr]k_(?:live|test)_\w{16,256}"),
    (("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"\bgh[pousr]_\w{20,256}"),
    (("github_pat_",), r"\bgithub_pat_\w{20,256}"),
    (("glpat-",), r"\bglpat-[\w-]{20,256}"),
    (("akia", "asia"), r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    (("xox",), r"\bxox[abeoprs]-[\w-]{10,256}"),
    (("aiza",), r"\bAIza[\w-]{35}"),
    (("npm_",), r"\bnpm_\w{36}"),
    (("pypi-",), r"\bpypi-[\w-]{16,256}"),
    (("hf_",), r"\bhf_\w{20,256}"),
    (("sg.",), r"\bSG\.[\w-]{16,64}\.[\w-]{16,64}"),
    (("eyj",), r"\beyJ[\w-]{6,1000}\.[\w-]{6,4000}(?:\.[\w-]{0,1000})?"),
)


# Of each: what must be in the lower-case text for it to be worth a look (most text has none), the pattern,
# and what takes its place. They are compiled when first needed, because an idle beat needs none.
_RULES = (
    (
        ("private key",),
        r"(?s)-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,32}PRIVATE KEY-----|\Z)",
        f"-----PRIVATE KEY {MASK}-----",
    ),
    # The end of a block whose beginning was cut off with the middle of a long text.
    (
        ("private key",),
        r"\A[A-Za-z0-9+/=\s]*-----END [A-Z ]{0,32}PRIVATE KEY-----",
        f"-----PRIVATE KEY {MASK}-----",
    ),
    (("://",), r"://([^\s/:@]{0,256}):[^\s/]{1,512}@", rf"://\1:{MASK}@"),
    # The path of a webhook is all that a caller needs.
    (
        ("hook", "hc-ping.com", "ifttt.com"),
        (
            r"(?i)(://[^\s\"'<>]{0,256}?(?:hook[\w.-]{0,60}|hc-ping\.com|maker\.ifttt\.com)(?::\d{1,5})?/)"
            r"[^\s\"'<>]{1,2048}"
        ),
        rf"\1{MASK}",
    ),
    (("/bot",), r"/bot\d{6,12}:[\w-]{20,64}", f"/bot{MASK}"),
    (
        ("key=", "sig=", "signature=", "auth="),
        r"(?i)([?&](?:key|sig|signature|auth|x-(?:amz|goog)-signature)=)[^&\s\"'<>#]{1,2048}",
        rf"\1{MASK}",
    ),
    (
        ("authorization",),
        r"(?i)(\bauthorization[\"']?\s{0,3}[:=]\s{0,3}[\"']?)[^\s\"'][^\"'\r\n]{0,4096}",
        rf"\1{MASK}",
    ),
    (
        ("bearer ", "basic "),
        # Prose says "basic authentication"; what is encoded has digits, signs or mixed case.
        (
            r"(\b(?:[Bb]earer|BEARER|[Bb]asic|BASIC) )"
            r"(?=\S{0,64}(?:[0-9=+/_]|[a-z][A-Z]))[\w.~+/=-]{8,4096}"
        ),
        rf"\1{MASK}",
    ),
    (_NAMED_HINTS, rf"(?i)({_NAMED}[\"']?\s{{0,3}}[:=]\s{{0,3}})(\"|')(?:(?!\2).){{1,4096}}", rf"\1\2{MASK}"),
    (_NAMED_HINTS, rf"(?i)({_NAMED}[\"']?\s{{0,3}}[:=]\s{{0,3}})[^\s\"'&,;)}}\]]{{1,4096}}", rf"\1{MASK}"),
    *((hints, shape, MASK) for hints, shape in _SHAPES),
)


_HINTS = tuple({hint for hints, _, _ in _RULES for hint in hints})


def mask_text(text: str) -> str:
    """Return `text` with what looks like a secret replaced by `***`.

    >>> mask_text("redis://:hunter2@cache:6379/0 failed, token=abc123")
    'redis://:***@cache:6379/0 failed, token=***'
    """
    lowered = text.lower()
    if not any(map(lowered.__contains__, _HINTS)):
        return text
    for hints, pattern, replacement in _RULES:
        if any(map(lowered.__contains__, hints)):
            text = re.sub(pattern, replacement, text)
    return text


def is_secret(name: str, value: object) -> bool:
    """Return whether `value` is a secret because of the name of its key.

    >>> is_secret("apiKey", "k"), is_secret("total_tokens", 7)
    (True, False)
    """
    words = _secret_words(name[:_LONGEST_NAME])
    if not words or value is None or isinstance(value, bool) or value == "":
        return False
    # `max_tokens: 512` counts; it opens nothing.
    if not isinstance(value, int | float):
        return True
    return value >= _SHORTEST_CODE if words <= _CODE_WORDS else not words <= _COUNTED_WORDS


@lru_cache(maxsize=1_024)
def _secret_words(name: str) -> frozenset[str]:
    words = [word.lower() for word in _WORD.findall(_CAMEL_HUMP.sub(" ", name))]
    pairs = (" ".join(pair) for pair in pairwise(words))
    return (_PLAIN_WORDS & set(words)) | (_PAIRS & set(pairs))
