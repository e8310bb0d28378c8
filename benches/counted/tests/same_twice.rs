//! What a scenario counts does not depend on the process that runs it.

use std::process::Command;

fn run() -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_counted"))
        .arg("run")
        .output()
        .expect("the binary of this package");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("names and numbers")
}

#[test]
fn two_runs_count_the_same_allocations_and_bytes() {
    let (first, second) = (run(), run());
    assert!(first.lines().count() > 50, "{first}");
    assert_eq!(first, second);
}
