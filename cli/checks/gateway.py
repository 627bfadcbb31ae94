"""The gateway itself: its catalog, Envoy's opinion of it, certificates, processes, upstreams."""

import asyncio
import socket
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx

from catalog import CatalogError
from cli import certificates
from cli.checks.finding import Finding, Level, Patient
from cli.envoy_admin import EnvoyAdmin
from cli.output import OperatorError
from cli.readiness import grpc_serving, http_ok
from cli.rendering import refusals

WARN_DAYS = 21
RESOLVE_TIMEOUT_S = 5.0


async def catalog(patient: Patient) -> list[Finding]:
    path = patient.settings.catalog
    if patient.catalog is None:
        advice = "mend these, then `clavis catalog check`"
        return [Finding("catalog", "fail", "; ".join(patient.problems), advice)]
    findings = [Finding("catalog", "ok", f"{path}: {len(patient.catalog.models)} models")]
    for account, variables in patient.catalog.left_out.items():
        advice = f"set {', '.join(variables)} to use it"
        findings.append(Finding("environment", "warn", f"account {account} is left out", advice))
    if len(findings) == 1:
        findings.append(Finding("environment", "ok", "every variable that is named is set"))
    return findings


async def configuration(patient: Patient) -> list[Finding]:
    if patient.catalog is None:
        return []
    try:
        complaints = await asyncio.to_thread(refusals, patient.settings)
    except (OperatorError, CatalogError) as error:
        complaints = [str(error)]
    if complaints:
        advice = "see `clavis envoy validate`"
        return [Finding("envoy configuration", "fail", complaints[-1], advice)]
    return [Finding("envoy configuration", "ok", "accepted")]


async def domains(patient: Patient) -> list[Finding]:
    if patient.catalog is None or not patient.settings.https_port:
        return []
    findings = []
    base = patient.settings.catalog.absolute().parent
    for domain in patient.catalog.domains:
        part = f"certificate {domain.name}"
        if domain.certificate is None:
            findings.append(Finding(part, "ok", "by the development CA"))
            continue
        try:
            left = certificates.expiry(base / domain.certificate) - datetime.now(UTC)
        except (OSError, ValueError) as error:
            findings.append(Finding(part, "fail", str(error), "name a PEM file"))
            continue
        level: Level = "fail" if left.days < 0 else "warn" if left.days < WARN_DAYS else "ok"
        advice = "" if level == "ok" else "renew it; the files are read again when they change"
        findings.append(Finding(part, level, f"{left.days} days left", advice))
    return findings


async def processes(patient: Patient) -> list[Finding]:
    if not patient.runs:
        return [Finding("gateway", "ok", "does not run; `clavis up` starts it")]
    places = patient.settings.places
    advice = "see the logs; SIGHUP to whoever started the workers makes new ones"
    findings = []
    for path in sorted(places.run.glob("extproc-*.sock")):
        if path.stem.count(".") == 0:
            well = await grpc_serving(path)()
            findings.append(_alive(path.stem, well, advice))
    findings.append(_alive("portal", await http_ok(places.portal, "/readyz")(), "see its log"))
    try:
        async with EnvoyAdmin(places.admin) as admin:
            well = await admin.ready()
    except httpx.HTTPError:
        well = False
    findings.append(_alive("envoy process", well, "see its log"))
    return findings


def _alive(part: str, well: bool, advice: str) -> Finding:
    return Finding(part, "ok", "answers") if well else Finding(part, "fail", "is not ready", advice)


async def upstreams(patient: Patient) -> list[Finding]:
    if patient.catalog is None:
        return []
    hosts = sorted(
        {urlsplit(p.base_url or "").hostname or "" for p in patient.catalog.providers.values()}
    )
    findings = await asyncio.gather(*(_resolves(host) for host in hosts if host))
    bad = [finding for finding in findings if finding.level != "ok"]
    return bad or [Finding("upstreams", "ok", f"{len(findings)} hosts resolve")]


async def _resolves(host: str) -> Finding:
    try:
        async with asyncio.timeout(RESOLVE_TIMEOUT_S):
            await asyncio.get_running_loop().getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError) as error:
        reason = str(error) or "no answer in time"
        return Finding(f"upstream {host}", "warn", reason, "check the name and this machine's DNS")
    return Finding(f"upstream {host}", "ok", "resolves")
