"""Every client on each transport and at each version, against one list of capabilities; see harness/matrix.py."""

import os
from collections.abc import Iterator

import pytest
import trustme

from harness import broker as brokers
from harness import matrix
from harness.broker import Settings
from harness.matrix import CAPABILITIES, CLIENTS, Listeners, Run

CELLS = [
    pytest.param(client, transport, version, capability, id="-".join(names))
    for client in CLIENTS
    for transport in client.transports
    for version in client.versions
    for capability in CAPABILITIES
    for names in [(client.name, transport, version, capability)]
]


@pytest.fixture(scope="module")
def listeners(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listeners]:
    """A broker on every transport; another broker than Kelvin's has TCP alone."""
    folder = tmp_path_factory.mktemp("matrix")
    authority = folder / "authority.pem"
    ports = {transport: brokers.free_port() for transport in ("tcp", "tls", "ws", "wss")}
    listeners = Listeners("localhost", ports, folder / "socket", authority)
    if not settings.is_kelvin or settings.command is None:
        pytest.skip("the flags of listeners are those of Kelvin's binary")
    issuer = trustme.CA()
    issuer.cert_pem.write_to_path(authority)
    certificate = issuer.issue_cert("localhost", "127.0.0.1", "::1")
    key, chain = folder / "key.pem", folder / "chain.pem"
    certificate.private_key_pem.write_to_path(key)
    for pem in certificate.cert_chain_pems:
        pem.write_to_path(chain, append=True)
    command = [settings.command, f"--tls-cert {chain} --tls-key {key}"]
    for transport, scheme in (("tls", "mqtts"), ("ws", "ws"), ("wss", "wss")):
        for host in ("127.0.0.1", "[::1]"):
            command.append(f"--listen {scheme}://{host}:{ports[transport]}")
    command.append(f"--listen unix:{listeners.socket}")
    with brokers.start(" ".join(command), ports["tcp"]) as program:
        yield listeners
        status = program.stop()
        assert status == 0, f"status {status}:\n" + "\n".join(program.errors[-20:])


@pytest.fixture(scope="module")
def runs(listeners: Listeners, request: pytest.FixtureRequest) -> dict[tuple[str, str], Run]:
    """What all clients did, by client and transport; shown as a table at the end."""
    done = matrix.run_all(listeners)
    request.config.stash[matrix.RUNS] = done
    if os.environ.get("UPDATE_INTEROP"):
        matrix.write_document(done)
    return {(run.client.name, run.transport): run for run in done}


@pytest.mark.parametrize(("client", "transport", "version", "capability"), CELLS)
def test_cell(
    runs: dict[tuple[str, str], Run],
    client: matrix.Client,
    transport: str,
    version: str,
    capability: str,
) -> None:
    failure = runs[client.name, transport].failure(version, capability)
    assert not failure, failure


@pytest.mark.parametrize("transport", ["ws", "wss"])
def test_tutorial_in_a_browser(runs: dict[tuple[str, str], Run], transport: str) -> None:
    """A page of another origin: the retained temperature, the next one, and the sensor's will."""
    failure = runs["MQTT.js in Chromium", transport].failure("3.1.1", "tutorial")
    assert not failure, failure


def test_document_has_every_client() -> None:
    """`docs/interop.md` is not older than the list of clients."""
    text = (brokers.ROOT / "docs" / "interop.md").read_text()
    for client in CLIENTS:
        for transport in client.transports:
            assert any(
                line.startswith(f"| {client.name} ") and f"| {transport} |" in line
                for line in text.splitlines()
            ), f"{client.name} over {transport} is missing: UPDATE_INTEROP=1 run -k matrix"
