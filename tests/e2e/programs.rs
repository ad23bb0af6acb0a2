//! The programs as an operator meets them first: what `--help` lists, and what a mistyped argument
//! gets.

use muster_tests::harness::program;
use std::process::Output;

/// Runs a program without any setting.
fn run(name: &str, arguments: &[&str]) -> Output {
    let mut command = program(name, &[]);
    command.args(arguments);
    command.output().expect("a program that was built")
}

#[test]
fn help_lists_the_settings_and_starts_nothing() {
    for (name, setting) in [
        ("muster-api", "MUSTER_BIND"),
        ("muster-worker", "MUSTER_LANES"),
    ] {
        let output = run(name, &["--help"]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(0), "{text}");
        for part in ["Usage: ", "MUSTER_DATABASE_URL", setting] {
            assert!(text.contains(part), "{name} does not tell {part}: {text}");
        }
    }
}

#[test]
fn a_mistyped_argument_is_told() {
    for (name, argument) in [("muster-api", "--serve"), ("muster-worker", "--lanes")] {
        let output = run(name, &[argument]);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(argument) && text.contains("--help"), "{text}");
    }
}
