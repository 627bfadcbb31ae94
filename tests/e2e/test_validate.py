"""`envoy --mode validate` passes for every variant of the configuration that the project ships.

It reads nothing that Envoy watches, so each variant is judged twice: as it is, and with all watched
files put back into one (`cli.inlined`).
"""

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from catalog import Catalog, parse
from catalog.demo import demo_catalog
from cli import bootstrap, certificates
from cli.binaries import envoy_binary
from cli.bootstrap import Certificate, EnvoySettings, WorkerTls
from cli.inlined import inlined
from cli.rendering import refusals
from cli.settings import Settings
from tests.compose.composition import composition, environment
from tests.e2e.gateway import BIN

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
CATALOGS = ROOT / "catalog"
VARIABLE = re.compile(r"\$\{(\w+)")
NAMES = ("api.clavis.localhost", "us.clavis.localhost", "*.wild.clavis.localhost")


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Certificate]]:
    directory = tmp_path_factory.mktemp("tls")
    yield issue(directory, NAMES)


def issue(directory: Path, names: tuple[str, ...]) -> list[Certificate]:
    """Certificates of a development CA."""
    pairs = certificates.ensure(directory, names, datetime.now(UTC))
    return [Certificate(name, pairs[name].certificate, pairs[name].private_key) for name in names]


def complaints(path: Path) -> str:
    """What Envoy says of one file; nothing when it accepts it."""
    done = subprocess.run(
        [str(envoy_binary(None)), "--mode", "validate", "-l", "error", "-c", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr[-2000:] if done.returncode else ""


def whole(bootstrap_path: Path) -> Path:
    """One file with everything that lies beside this bootstrap."""
    files = {path.name: path.read_text() for path in bootstrap_path.parent.glob("*.yaml")}
    path = bootstrap_path.parent / "whole"
    path.mkdir()
    (path / "envoy.yaml").write_text(inlined(files))
    return path / "envoy.yaml"


def validated(path: Path) -> None:
    assert complaints(path) == ""
    assert complaints(whole(path)) == ""


def demo() -> Catalog:
    return parse(demo_catalog({}, "http://127.0.0.1:9"), {})


def base(directory: Path) -> EnvoySettings:
    return EnvoySettings(
        directory=directory / "envoy",
        workers=[f"unix:{directory}/w0.sock", f"unix:{directory}/w1.sock"],
        portal=f"unix:{directory}/portal.sock",
        admin=f"unix:{directory}/admin.sock",
    )


def test_plain_http_only(tmp_path: Path) -> None:
    validated(bootstrap.write(replace(base(tmp_path), https_port=None), demo()))


def test_tls_with_a_certificate_for_every_domain(tmp_path: Path, tls: list[Certificate]) -> None:
    settings = replace(base(tmp_path), certificates=tls, bind="0.0.0.0", https_port=8443)
    path = bootstrap.write(settings, demo())
    validated(path)
    listeners = (tmp_path / "envoy" / "listeners.yaml").read_text()
    assert all(certificate.name in listeners for certificate in tls)


def test_tls_only_with_other_limits(tmp_path: Path, tls: list[Certificate]) -> None:
    settings = replace(
        base(tmp_path), certificates=tls, http_port=None, max_body_bytes=4096, max_attempts=1
    )
    validated(bootstrap.write(settings, demo()))


def test_workers_elsewhere_over_mutual_tls(tmp_path: Path, tls: list[Certificate]) -> None:
    one = tls[0]
    settings = replace(
        base(tmp_path),
        workers=["192.0.2.1:9000", "[2001:db8::1]:9000"],
        portal="192.0.2.1:8000",
        admin="127.0.0.1:9901",
        worker_tls=WorkerTls(one.chain, one.chain, one.key, "extproc.clavis.internal"),
        access_log=tmp_path / "access.log",
    )
    validated(bootstrap.write(settings, demo()))


def test_the_catalog_that_is_shipped_as_an_example(tmp_path: Path, tls: list[Certificate]) -> None:
    text = (CATALOGS / "example.yaml").read_text()
    variables = dict.fromkeys(VARIABLE.findall(text), "value")
    house_ca = "/etc/ssl/house-ca.pem"
    assert house_ca in text
    catalog = parse(text.replace(house_ca, str(tls[0].chain)), variables)
    validated(bootstrap.write(replace(base(tmp_path), https_port=None), catalog))


def test_what_the_compose_files_publisher_writes(tmp_path: Path) -> None:
    """Its environment and its catalog; only the directories are others."""
    places = {"CLAVIS_DATA_DIR": str(tmp_path / "data"), "CLAVIS_RUN_DIR": str(tmp_path / "run")}
    variables = {**environment(composition().services["publisher"]), **places}
    variables["CLAVIS_CATALOG"] = str(CATALOGS / Path(variables["CLAVIS_CATALOG"]).name)
    subprocess.run(
        [str(BIN / "clavis"), "publish"],
        env={"PATH": os.environ["PATH"], **variables},
        check=True,
        capture_output=True,
    )
    written = tmp_path / "data" / "envoy" / "bootstrap.yaml"
    assert "0.0.0.0" in (written.parent / "listeners.yaml").read_text()
    assert '"address": "simulator"' in (written.parent / "clusters.yaml").read_text()
    validated(written)


def test_the_file_as_it_stands_where_its_places_exist(
    tmp_path: Path, tls: list[Certificate]
) -> None:
    """Only the two directories of a container image are mapped into a temporary one."""
    text = (ROOT / "envoy" / "envoy.yaml").read_text()
    for place in ("/var/lib/clavis/envoy", "/run/clavis"):
        assert place in text
        text = text.replace(place, str(tmp_path))
    files = bootstrap.render(replace(base(tmp_path), certificates=tls), demo())
    (tmp_path / "clusters.yaml").write_text(files["clusters.yaml"])
    (tmp_path / "endpoints.yaml").write_text(files["endpoints.yaml"])
    secret = files[f"secret-{tls[0].name}.yaml"].replace(f"name: {tls[0].name}", "name: default")
    (tmp_path / "secret-default.yaml").write_text(secret)
    (tmp_path / "envoy.yaml").write_text(text)
    assert complaints(tmp_path / "envoy.yaml") == ""


BREAKS = {
    "bootstrap.yaml": ("lb_policy: LEAST_REQUEST", "lb_policy: BEST_GUESS"),
    "listeners.yaml": ("codec_type: AUTO", "codec_type: GUESS"),
    "clusters.yaml": ('"maxRequests": 1000000', '"maxRequests": "many"'),
    "endpoints.yaml": ("cluster_name: extproc", "cluster_title: extproc"),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_file_does_not_pass(tmp_path: Path, name: str) -> None:
    path = bootstrap.write(replace(base(tmp_path), https_port=None), demo())
    right, wrong = BREAKS[name]
    text = (path.parent / name).read_text()
    assert right in text
    (path.parent / name).write_text(text.replace(right, wrong))
    assert complaints(whole(path)) != ""


def test_the_command_sees_a_certificate_that_is_not_its_keys(tmp_path: Path) -> None:
    """Which Envoy's own validation of the bootstrap does not."""
    names = ("one.clavis.localhost", "two.clavis.localhost")
    one, two = issue(tmp_path / "tls", names)
    domain = "{name: api.clavis.localhost, kind: api}"
    files = f"{domain[:-1]}, certificate: {one.chain}, private_key: {two.key}}}"
    catalog = tmp_path / "catalog.yaml"
    catalog.write_text(demo_catalog({}, "http://127.0.0.1:9"))
    settings = Settings(data_dir=tmp_path / "data", catalog=catalog, workers=1)
    assert refusals(settings) == []
    text = catalog.read_text()
    assert domain in text
    catalog.write_text(text.replace(domain, files))
    assert any("private key" in line for line in refusals(settings))
