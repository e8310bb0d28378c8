"""Runs the tests of mqttjs/, which are written for Node's own test runner."""

import os
import subprocess
from pathlib import Path

import pytest

from harness.broker import Address

FOLDER = Path(__file__).parent / "mqttjs"


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("*.test.js")))
def test_mqttjs(address: Address, name: str) -> None:
    result = subprocess.run(
        ["node", "--test", "--test-reporter=spec", str(FOLDER / name)],
        env={**os.environ, "MQTT_URL": address.url},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stdout
