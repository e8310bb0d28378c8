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

# other people's clients on every transport, the tutorial's programs, and mosquitto's own tests against the broker
[group('check')]
interop *args:
    cargo build --release --bin broker --package broker --example temperature_server
    broker/tests/interop/run {{ args }}

# a million mutated streams against a live broker, or as many as is said; a few minutes
[group('check')]
hostile streams='1000000':
    KELVIN_HOSTILE_STREAMS={{ streams }} cargo test --release -p broker --test hostile -- --nocapture

# libFuzzer on one target of broker/fuzz, or on all; needs nightly and cargo-fuzz
[group('check')]
fuzz target='' *args='-max_total_time=60': (_fuzz target '--sanitizer none --no-trace-compares' args)

# the same with AddressSanitizer
[group('check')]
fuzz-address target='' *args='-max_total_time=60': (_fuzz target '' args)

_fuzz target build *args:
    cargo run --quiet --manifest-path broker/fuzz/Cargo.toml --example write_seeds > /dev/null
    for target in {{ if target == '' { '$(cargo +nightly fuzz list --fuzz-dir broker/fuzz)' } else { target } }}; do \
        dictionary="-dict=broker/fuzz/packets.dict"; \
        [ "$target" != topic_filter ] || dictionary=""; \
        cargo +nightly fuzz run --fuzz-dir broker/fuzz {{ build }} "$target" -- -max_len=512 $dictionary {{ args }}; \
    done

# starve the generator, then the broker: does the verdict name the right one? two cores, a minute
[group('check')]
starve:
    cargo build --release --bin broker --bin loadgen
    loadgen/tests/starve/run

# does an independent epoll client see the latencies and rates that loadgen sees, within 5 %?
[group('check')]
witness *args:
    cargo build --release --bin broker --bin loadgen --package broker --package loadgen --example witness
    loadgen/tests/witness/run {{ args }}

# what stalled readers and a flooding publisher cost the others; two cores, a minute
[group('check')]
overload *args:
    cargo build --release --bin broker --bin loadgen
    loadgen/tests/overload/run {{ args }}

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
    cargo run --release --bin loadgen -- --clients 5000 --rate 3s --warmup 3s --duration 10s --format json > target/bench-load.json || [ $? -eq 4 ]
    cargo run --release --bin reports -- table --run temperature=target/bench-load.json

# Kelvin beside the floor and the brokers that are installed, into docs/performance.md: all rows, or those named (--list); two minutes each
[group('bench')]
peers *rows:
    cargo build --release -p broker -p loadgen -p benches --bin broker --bin loadgen --bin floor --bin peers
    ${CARGO_TARGET_DIR:-target}/release/peers {{ rows }}

# did this change make it slower? against the merge base with main, or another commit; docs/regression.md
[group('bench')]
regress base='' *args:
    cargo run --quiet --locked -p regress -- {{ base }} {{ args }}

# how often the duet is right: runs of two copies and of brokers that are slow on purpose, a line of the file each
[group('bench')]
prove minutes file *slow:
    benches/regress/prove {{ minutes }} {{ file }} {{ slow }}

# counts of this commit as the baseline; the commit says why
[group('bench')]
baseline:
    cargo run --quiet --locked -p regress -- baseline

# the main job: the temperature pattern at 5,000 clients; arguments replace it
[group('bench')]
load *args='--clients 5000 --rate 3s':
    cargo run --release --bin loadgen -- {{ args }}

# the broker on port 1883
[group('run')]
run *args:
    cargo run --release --bin broker -- {{ args }}
