//! A process of a test: what it writes goes to a file; it is killed, and waited for, when it is
//! dropped.

use super::patience::within;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

/// A process of a test.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    ended: Option<ExitStatus>,
}

impl Process {
    /// Starts `command`; its output goes to `folder/name.log`, behind what is there.
    pub(super) fn start(name: &str, mut command: Command, folder: &Path) -> Self {
        let log = folder.join(format!("{name}.log"));
        let out = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .expect("the test's own folder can be written");
        let err = out.try_clone().expect("a file that is open");
        let child = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn();
        let child = child.unwrap_or_else(|error| {
            panic!(
                "{} does not start: {error}",
                command.get_program().to_string_lossy()
            )
        });
        Self {
            name: name.to_owned(),
            child,
            log,
            ended: None,
        }
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything that it wrote.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self
                .child
                .try_wait()
                .expect("a child that was not waited for");
        }
        self.ended
    }

    /// Stops it at once, as a power cut does, and waits until it is gone.
    pub fn kill9(&mut self) {
        if self.ended().is_none() {
            self.child.kill().expect("a child of this process");
            self.ended = self.child.wait().ok();
        }
    }

    /// Asks it to stop in good order.
    pub fn sigterm(&mut self) {
        self.signal(Signal::TERM);
    }

    /// Asks it to stop at once, as Ctrl-C does: to Postgres the way to stop without waiting for its
    /// clients.
    pub fn sigint(&mut self) {
        self.signal(Signal::INT);
    }

    /// Freezes it. A signal is only on its way when it is sent: this returns when nothing of the
    /// process runs any more.
    pub fn sigstop(&mut self) {
        if self.ended().is_none() {
            self.signal(Signal::STOP);
            waitid(WaitId::Pid(self.id()), WaitIdOptions::STOPPED)
                .expect("a child of this process stops");
        }
    }

    /// Thaws it.
    pub fn sigcont(&mut self) {
        self.signal(Signal::CONT);
    }

    fn id(&self) -> Pid {
        Pid::from_raw(self.child.id() as i32).expect("no process has number 0")
    }

    /// Sends it a signal, if it is still there.
    pub(super) fn signal(&mut self, signal: Signal) {
        if self.ended().is_none() {
            kill_process(self.id(), signal).expect("a child of this process");
        }
    }

    /// Waits until it has ended by itself.
    pub async fn exit(&mut self) -> ExitStatus {
        match within(|| std::future::ready(self.ended())).await {
            Some(status) => status,
            None => panic!("{} does not end\n{}", self.name, self.log()),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill9();
    }
}

/// The same command, begun by a shell that lets it have so many descriptors and no more.
pub(super) fn limited(command: &Command, descriptors: u32) -> Command {
    let mut shell = Command::new("sh");
    shell
        .args([
            "-c",
            &format!("ulimit -n {descriptors} && exec \"$0\" \"$@\""),
        ])
        .arg(command.get_program());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}
