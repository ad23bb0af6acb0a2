//! More than Muster can take, and less than it needs: too many imports, uploads and reads, clients
//! that never send a whole request, a full disk, Postgres or Redis away, the same file again. Each
//! is answered clearly, leaves nothing behind, and is over when its cause is.

#[cfg(target_os = "linux")]
mod disk;
mod half;
mod half_requests;
mod open_imports;
mod postgres;
mod reads;
mod redis;
mod same_file;
mod uploads;

use muster_tests::client::Answer;
#[cfg(target_os = "linux")]
use std::process::Command;

/// The answer is a problem of that status and code that says when to come again.
#[track_caller]
fn assert_put_off(answer: &Answer, status: u16, code: &str) {
    assert_eq!(
        (answer.status, answer.json()["code"].as_str()),
        (status, Some(code)),
        "{}",
        answer.text()
    );
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json")
    );
    let seconds: u32 = answer
        .header("retry-after")
        .expect("Retry-After")
        .parse()
        .expect("seconds");
    assert!((1..=60).contains(&seconds));
}

/// Puts a limit on a process that runs, such as `nofile=100`; what it may be raised to stays.
#[cfg(target_os = "linux")]
fn limit(process: u32, limit: &str) {
    let limited = Command::new("prlimit")
        .args(["--pid", &process.to_string(), &format!("--{limit}:")])
        .output();
    let limited = limited.expect("prlimit, of util-linux");
    assert!(
        limited.status.success(),
        "{}",
        String::from_utf8_lossy(&limited.stderr)
    );
}
