//! A Redis of its own for every test, which keeps nothing.

use super::{
    patience::{eventually, within},
    ports,
    process::Process,
};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// A Redis of its own.
#[derive(Debug)]
pub struct Redis {
    process: Process,
    address: SocketAddr,
    folder: PathBuf,
}

impl Redis {
    /// Starts one; if somebody took its port, another.
    pub(super) async fn start(folder: &Path) -> Self {
        for _ in 0..10 {
            let address = ports::free();
            let process = Process::start("redis", command(address, folder), folder);
            let mut redis = Self {
                process,
                address,
                folder: folder.to_owned(),
            };
            let up = within(|| {
                let up = if redis.process.ended().is_some() {
                    Some(false)
                } else {
                    redis.answers().then_some(true)
                };
                std::future::ready(up)
            });
            if up.await == Some(true) {
                return redis;
            }
            eprintln!("redis-server did not start:\n{}", redis.process.log());
        }
        panic!("no redis-server starts; MUSTER_TEST_REDIS_SERVER may name one")
    }

    /// Where it is.
    pub(super) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Starts it once more, at the same address, with nothing in it.
    pub(super) fn start_again(&mut self) {
        assert!(self.process.ended().is_some(), "Redis still runs");
        self.process = Process::start("redis", command(self.address, &self.folder), &self.folder);
    }

    /// The same, and waits until it answers.
    pub async fn restart(&mut self) {
        self.start_again();
        eventually("Redis is back", || {
            std::future::ready(self.answers().then_some(()))
        })
        .await;
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Says one thing and takes the first line of the answer.
    pub fn say(&self, command: &str) -> std::io::Result<String> {
        let mut connection = TcpStream::connect_timeout(&self.address, Duration::from_secs(2))?;
        connection.set_read_timeout(Some(Duration::from_secs(10)))?;
        connection.write_all(format!("{command}\r\n").as_bytes())?;
        let mut answer = [0; 512];
        let read = connection.read(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer[..read])
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned())
    }

    /// Whether it is up.
    pub(super) fn answers(&self) -> bool {
        self.say("PING").is_ok_and(|answer| answer == "+PONG")
    }
}

fn command(address: SocketAddr, folder: &Path) -> Command {
    let mut command = Command::new(
        std::env::var_os("MUSTER_TEST_REDIS_SERVER").unwrap_or_else(|| "redis-server".into()),
    );
    let port = address.port().to_string();
    command
        .args([
            "--bind",
            "127.0.0.1",
            "--port",
            &port,
            "--save",
            "",
            "--appendonly",
            "no",
            "--dir",
        ])
        .arg(folder);
    command
}
