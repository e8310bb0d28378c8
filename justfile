set shell := ["bash", "-euo", "pipefail", "-c"]

# list the recipes
[private]
default:
    @just --list --unsorted

# run all tests; needs cargo alone
[group('check')]
test *args:
    cargo test --workspace {{ args }}

# format, lints and documentation, without a warning
[group('check')]
check:
    cargo fmt --all -- --check
    cargo clippy --workspace --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items

# licences, sources and duplicates of the dependencies; needs cargo-deny
[group('check')]
deny:
    cargo deny --offline check licenses bans sources

# the tutorial's programs, MQTT.js, paho-mqtt and mosquitto's clients against the broker
[group('check')]
interop *args:
    cargo build --release --bin broker --package broker --example temperature_server
    broker/tests/interop/run {{ args }}

# the pages of reports in headless Chromium
[group('check')]
pages:
    cargo build --release -p loadgen -p reports
    reports/tests/browser/run

# the picture of the README, from a fresh run of the main job: on a quiet machine
[group('bench')]
screenshot *run:
    cargo build --release -p loadgen -p reports
    reports/tests/browser/run screenshot docs/report.png {{ run }}

# all micro-benchmarks and a short load run, in one table
[group('bench')]
bench filter='':
    cargo bench -p benches -- --noplot {{ filter }}
    cargo run --release --bin loadgen -- --clients 5000 --rate 3s --warmup 3s --duration 10s --format json > target/bench-load.json
    cargo run --release --bin reports -- table --run temperature=target/bench-load.json

# the main job: the temperature pattern at 5,000 clients; arguments replace it
[group('bench')]
load *args='--clients 5000 --rate 3s':
    cargo run --release --bin loadgen -- {{ args }}

# the broker on port 1883
[group('run')]
run *args:
    cargo run --release --bin broker -- {{ args }}
