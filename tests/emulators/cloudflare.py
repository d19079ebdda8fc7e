"""A strict emulator of Cloudflare's run endpoint for proxied models, and of its token check.

The switches stand in `cloudflare_contract.Switches`. Requests need `Authorization: Bearer` and this account's id;
another account is 403 with 10000 (our choice of the pair), an id that is none has no route.

Own faults, each with the documented code: `invalid_data` 5004, `incomplete` 3003, `no_such_model` 5007,
`no_route` 7000, `forbidden` 5016, `no_agreement` 5018, `account_limited` 3023, `account_blocked` 3041,
`aborted` 3008, `scanner_unpaid` 2021, `scanner_down` 7013, `quota_today` 3036, `out_of_capacity` 3040;
`content_refused` is the guardrail's 2017. The gateway's limits, `rate_limited` 2003 and `spend_limit` 2041, have
their codes from public reports; `provider_key` and `provider_key_unified` (2009 as 401 and 503) theirs from the
changelog of 2026-10-05. Documented nowhere, so our choice: `payment_required` (unified credits used up, 402 with 2022),
`upstream_refused` (OpenAI's own refusal passed through, 400 with 5004), and 7002 where no code is listed.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, ClassVar

from tests.emulators.cloudflare_contract import Switches, read_order
from tests.emulators.core import Emulator
from tests.emulators.forms import read_json
from tests.emulators.orders import Refusal
from tests.emulators.serving import Exchange, Reply, Route

ACCOUNT_ID = re.compile(r"[0-9a-f]{32}")
GATEWAY = "AiGatewayError"
# Names and limits of the gateway's request headers; a value beyond them is refused with 5004 (our choice).
GATEWAY_HEADERS: Mapping[str, re.Pattern[str]] = {
    "cf-aig-max-attempts": re.compile(r"[1-5]"),
    "cf-aig-retry-delay": re.compile(r"[1-4]?\d{1,3}|5000"),
    "cf-aig-backoff": re.compile(r"constant|linear|exponential"),
    "cf-aig-request-timeout": re.compile(r"\d+"),
    "cf-aig-cache-ttl": re.compile(r"\d+"),
    "cf-aig-skip-cache": re.compile(r"true|false"),
    "cf-aig-collect-log": re.compile(r"true|false"),
}


def _refusal(status: int, code: int, message: str, kind: str = "") -> Refusal:
    return Refusal(status, kind, code, message)


class CloudflareEmulator(Emulator):
    """Answers as the documents say, with their contradictions behind switches."""

    name = "cloudflare"
    key = "cf-emulator-token-0123456789abcdef"
    base_path = "/client/v4"
    account_id = "0123456789abcdef0123456789abcdef"
    settings_type = Switches
    settings: Switches
    refusals: ClassVar[Mapping[str, Refusal]] = {
        "bad_request": _refusal(400, 5004, "Invalid data"),
        "invalid_data": _refusal(400, 5004, "Invalid data"),
        "incomplete": _refusal(400, 3003, "Incomplete request"),
        "no_such_model": _refusal(400, 5007, "No such model"),
        "no_route": _refusal(400, 7000, "No route for that URI"),
        "unauthorized": _refusal(401, 10000, "Authentication error"),
        "forbidden": _refusal(403, 5016, "Model agreement"),
        "no_agreement": _refusal(403, 5018, "Account not allowed for this model"),
        "account_limited": _refusal(403, 3023, "Account limited"),
        "account_blocked": _refusal(403, 3041, "Account blocked"),
        "model_not_found": _refusal(404, 3042, "Invalid model ID"),
        "too_large": _refusal(413, 3006, "Request is too large"),
        "request_timeout": _refusal(408, 3007, "Timeout"),
        "aborted": _refusal(408, 3008, "Request was aborted"),
        "content_refused": _refusal(422, 2017, "Response blocked due to security configurations", GATEWAY),
        "scanner_unpaid": _refusal(402, 2021, "Guardrails has no credits", GATEWAY),
        "scanner_down": _refusal(503, 7013, "Guardrails is unavailable", GATEWAY),
        "rate_limited": _refusal(429, 2003, "Too many requests", GATEWAY),
        "spend_limit": _refusal(429, 2041, "Spend limit exceeded: rule 'daily' (cost limit 5 per 86400s)", GATEWAY),
        "provider_key": _refusal(401, 2009, "The provider refused the stored key", GATEWAY),
        "provider_key_unified": _refusal(503, 2009, "The provider refused the credentials", GATEWAY),
        "payment_required": _refusal(402, 2022, "Insufficient credits", GATEWAY),
        "upstream_refused": _refusal(400, 5004, "Your request was rejected by the safety system"),
        "quota_today": _refusal(429, 3036, "You have used up your daily free allocation"),
        "out_of_capacity": _refusal(429, 3040, "Out of capacity"),
        "conflict": _refusal(409, 5004, "Conflict"),
        "server_error": _refusal(500, 7002, "Internal server error"),
        "server_error_charged": _refusal(500, 7002, "Internal server error"),
        "bad_gateway": _refusal(502, 7002, "Bad gateway"),
        "overloaded": _refusal(503, 7002, "Service unavailable"),
        "gateway_timeout": _refusal(504, 7002, "Gateway timeout"),
        "error_in_200": _refusal(200, 7002, "Internal server error"),
        "teapot": _refusal(418, 7002, "I am a teapot"),
    }

    def forget(self) -> None:
        """Start anew."""
        super().forget()
        self._cached: dict[str, Any] = {}

    def routes(self) -> list[Route]:
        """Return the run endpoint in its body form and both token checks."""
        account = "/client/v4/accounts/(?P<account>[^/]+)"
        return [
            Route("POST", f"{account}/ai/run", "submit", self._run),
            Route("GET", "/client/v4/user/tokens/verify", "account", self._verify, needs_key=False),
            Route("GET", f"{account}/tokens/verify", "account", self._verify, needs_key=False),
        ]

    def headers(self, exchange: Exchange) -> dict[str, str]:
        """Return the id of the request; `cf-ray` is Cloudflare's usual one, for this call none is documented."""
        return {"cf-ray": exchange.record.id}

    def envelope(self, refusal: Refusal, exchange: Exchange) -> Any:
        """Return the document of a refusal."""
        errors = [{"code": refusal.code, "message": refusal.message}]
        if refusal.kind == GATEWAY and self.settings.gateway_shape == "gateway":
            inner = {"message": refusal.message, "internalCode": refusal.code, "httpCode": refusal.status}
            return inner | {"name": GATEWAY, "error": errors, "success": False}
        return {"result": None, "success": False, "errors": errors, "messages": []}

    def wrong_key(self, key: str) -> Refusal:
        """Return the answer to a token that is not known."""
        return self.refusal_on_demand("unauthorized")

    def refusal_on_demand(self, name: str) -> Refusal:
        """Return the refusal that a fault names, with the status that its switch gives it."""
        known = super().refusal_on_demand(name)
        switches = {
            "unauthorized": self.settings.auth_status,
            "payment_required": self.settings.unpaid_status,
            "no_route": self.settings.route_status,
        }
        return Refusal(switches.get(name, known.status), known.kind, known.code, known.message)

    def unknown_address(self) -> Refusal:
        """Return the answer of a path that is not documented."""
        return _refusal(self.settings.route_status, 7000, "No route for that URI")

    def unreadable(self, message: str) -> Refusal:
        """Return the answer to a body of the wrong type or form."""
        return _refusal(400, 5004, message)

    def _check_account(self, account: str) -> None:
        if not ACCOUNT_ID.fullmatch(account):
            message = f"Could not route to /client/v4/accounts/{account}, perhaps your object identifier is invalid?"
            raise _refusal(self.settings.route_status, 7003, message)
        if account != self.account_id:
            raise _refusal(403, 10000, "Authentication error")

    async def _run(self, exchange: Exchange) -> Reply:
        self._check_account(exchange.names["account"])
        headers = exchange.request.headers
        for name, allowed in GATEWAY_HEADERS.items():
            if name in headers and not allowed.fullmatch(headers[name]):
                raise _refusal(400, 5004, f"Invalid data: header {name}")
        body = exchange.record.body = read_json(exchange.request)
        order = read_order(body, self.settings)
        wanted = json.dumps(body, sort_keys=True)
        if self.settings.cache and headers.get("cf-aig-skip-cache") != "true" and wanted in self._cached:
            return Reply(self._cached[wanted], headers={"cf-aig-cache-status": "HIT"})
        results = await self.take(exchange, order)
        items = [self.item(picture, exchange.fault, "url") for picture in results[:1]]
        result = {"image": items[0]["url"]} if items and "url" in items[0] else {}
        document: dict[str, Any] = {
            "state": self.settings.state,
            "result": result,
            "gatewayMetadata": {"keySource": "Unified"},
        }
        if self.settings.envelope == "v4":
            document = {"result": document, "success": True, "errors": [], "messages": []}
        if self.settings.cache and not exchange.fault:
            self._cached[wanted] = document
        return Reply(document)

    async def _verify(self, exchange: Exchange) -> Reply:
        owner = "account" if "account" in exchange.names else "user"
        if owner == "account":
            self._check_account(exchange.names["account"])
        if not re.fullmatch(r"Bearer \S+", exchange.request.headers.get("authorization", "")):
            raise _refusal(400, 6003, "Invalid request headers")
        if self.given_key(exchange.request) not in self.settings.keys or owner != self.settings.token_of:
            raise _refusal(401, 1000, "Invalid API Token")
        token = {"id": "f267e341f3dd4697bd3b9f71dd96247f", "status": self.settings.token_status}
        message = {"code": 10000, "message": f"This API Token is valid and {self.settings.token_status}", "type": None}
        return Reply({"result": token, "success": True, "errors": [], "messages": [message]})
