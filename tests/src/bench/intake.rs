//! Taking a large file: Muster, which counts, hashes and recognises it on the way, and answers when
//! the disk has it, against a server that only stores what comes, once with and once without
//! waiting for the disk.

use super::{
    ground::SITE,
    journey::{Muster, upload},
    loads::Load,
    meter,
    report::{Intake, median},
};
use anyhow::{Context, ensure};
use std::{
    io::{Read, Write},
    path::{Path, PathBuf},
    time::Instant,
};
use tokio::{
    fs::File,
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};
use tokio_util::io::ReaderStream;

/// Lines that are written again and again until the file is large enough.
const BLOCK_LINES: u64 = 20_000;

/// When a plain store answers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answers {
    /// When the kernel has the file, which a power cut would take away again.
    Unsynced,
    /// When the disk has it, as Muster does.
    Synced,
}

/// All in turn, so many times. The Muster has no workers: nobody begins to read.
pub(super) async fn run(
    muster: &Muster,
    folder: &Path,
    bytes: u64,
    rounds: usize,
) -> anyhow::Result<Intake> {
    let file = large_file(folder, bytes)?;
    let bytes = std::fs::metadata(&file)?.len();
    let mut intake = Intake {
        bytes,
        ..Intake::default()
    };
    let mut memory = Memory::fill(folder, bytes)?;
    for _ in 0..rounds {
        intake
            .unsynced
            .push(plain(&file, bytes, folder, Answers::Unsynced).await?);
        memory.take(bytes)?;
        intake
            .synced
            .push(plain(&file, bytes, folder, Answers::Synced).await?);
        memory.take(bytes)?;
        let begun = Instant::now();
        upload(&muster.client, SITE, Load::W1.recipe(), &file).await?;
        intake.muster.push(begun.elapsed().as_secs_f64());
    }
    let ratio = |plain: &[f64]| {
        median(
            intake
                .muster
                .iter()
                .zip(plain)
                .map(|(muster, plain)| muster / plain),
        )
    };
    (intake.unsynced_ratio, intake.ratio) = (ratio(&intake.unsynced), ratio(&intake.synced));
    intake.api_mib = muster.api_mib().await;
    Ok(intake)
}

fn large_file(folder: &Path, bytes: u64) -> anyhow::Result<PathBuf> {
    let block = std::fs::read(Load::W1.write(folder, BLOCK_LINES, 0, 1)?)?;
    let path = folder.join("large.csv");
    let mut file = std::fs::File::create(&path)?;
    for _ in 0..bytes.div_ceil(block.len() as u64) {
        file.write_all(&block)?;
    }
    file.sync_all()?;
    Ok(path)
}

/// Sends a file, by the same client, to a server that stores it; seconds. When this returns the
/// disk has nothing left to do for it.
async fn plain(file: &Path, bytes: u64, folder: &Path, answers: Answers) -> anyhow::Result<f64> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let stored = folder.join("stored");
    let path = stored.clone();
    let server =
        tokio::spawn(async move { store(listener.accept().await?.0, &path, answers).await });
    let body = reqwest::Body::wrap_stream(ReaderStream::with_capacity(
        File::open(file).await?,
        1 << 18,
    ));
    let begun = Instant::now();
    let request = reqwest::Client::new()
        .put(format!("http://{address}/"))
        .header("content-length", bytes)
        .body(body);
    let answer = request.send().await?;
    let seconds = begun.elapsed().as_secs_f64();
    ensure!(
        answer.status() == 201,
        "the plain store answers {}",
        answer.status()
    );
    server.await??;
    ensure!(
        tokio::fs::metadata(&stored).await?.len() == bytes,
        "the plain store does not hold what was sent"
    );
    File::open(&stored).await?.sync_all().await?;
    tokio::fs::remove_file(stored).await?;
    // A disk that is told of freed blocks hears of them with the next sync: that must not be the
    // one that is measured next.
    File::open(folder).await?.sync_all().await?;
    Ok(seconds)
}

/// The memory that nobody uses, filled with pages of a file, as on a machine that has run for a
/// while: who stores a file then takes over pages that were in use. The first touch of a page that
/// never was can cost a virtual machine more than all else in storing it.
struct Memory {
    holes: std::fs::File,
}

impl Memory {
    /// As much as so many files of this size take up.
    const FILES: u64 = 32;

    /// All that is free.
    fn fill(folder: &Path, file_bytes: u64) -> anyhow::Result<Self> {
        let path = folder.join("holes");
        std::fs::File::create(&path)?.set_len(1 << 40)?;
        let mut memory = Self {
            holes: std::fs::File::open(path)?,
        };
        memory.take(
            meter::free_bytes()
                .unwrap_or(0)
                .min(Self::FILES * file_bytes),
        )?;
        Ok(memory)
    }

    /// So many bytes that have just been freed.
    fn take(&mut self, bytes: u64) -> std::io::Result<()> {
        std::io::copy(&mut (&mut self.holes).take(bytes), &mut std::io::sink())?;
        Ok(())
    }
}

/// Stores the body of one request.
async fn store(mut socket: TcpStream, path: &Path, answers: Answers) -> anyhow::Result<()> {
    let (from, mut to) = socket.split();
    let mut from = BufReader::with_capacity(1 << 18, from);
    let mut length = None;
    let mut line = String::new();
    while from.read_line(&mut line).await? > 2 {
        if let Some((name, value)) = line
            .split_once(':')
            .filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        {
            length = Some(
                value
                    .trim()
                    .parse::<u64>()
                    .with_context(|| name.to_owned())?,
            );
        }
        line.clear();
    }
    let mut body = tokio::io::AsyncReadExt::take(from, length.context("a file has a length")?);
    let mut file = File::create(path).await?;
    tokio::io::copy_buf(&mut body, &mut file).await?;
    file.flush().await?;
    if answers == Answers::Synced {
        file.sync_all().await?;
    }
    to.write_all(b"HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n")
        .await?;
    Ok(())
}
