//! Taking a large file: Muster, which counts, hashes and recognises it on the way, against a server that only stores what comes.

use super::{
    ground::SITE,
    journey::{Muster, upload},
    loads::Load,
    report::{Intake, median},
};
use anyhow::{Context, ensure};
use std::{
    io::Write,
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

/// Both in turn, so many times. The Muster has no workers: nobody begins to read.
pub(super) async fn run(muster: &Muster, folder: &Path, bytes: u64, rounds: usize) -> anyhow::Result<Intake> {
    let file = large_file(folder, bytes)?;
    let bytes = std::fs::metadata(&file)?.len();
    let mut intake = Intake { bytes, ..Intake::default() };
    for _ in 0..rounds {
        let stored = folder.join("stored");
        intake.plain.push(plain(&file, bytes, &stored).await?);
        tokio::fs::remove_file(stored).await?;
        let begun = Instant::now();
        upload(&muster.client, SITE, Load::W1.recipe(), &file).await?;
        intake.muster.push(begun.elapsed().as_secs_f64());
    }
    intake.ratio = median(intake.muster.iter().zip(&intake.plain).map(|(muster, plain)| muster / plain));
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

/// Sends a file, by the same client, to a server that stores it; seconds.
async fn plain(file: &Path, bytes: u64, stored: &Path) -> anyhow::Result<f64> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let stored = stored.to_owned();
    let server = tokio::spawn(async move { store(listener.accept().await?.0, &stored).await });
    let body = reqwest::Body::wrap_stream(ReaderStream::with_capacity(File::open(file).await?, 1 << 18));
    let begun = Instant::now();
    let request = reqwest::Client::new().put(format!("http://{address}/")).header("content-length", bytes).body(body);
    let answer = request.send().await?;
    let seconds = begun.elapsed().as_secs_f64();
    ensure!(answer.status() == 201, "the plain store answers {}", answer.status());
    server.await??;
    Ok(seconds)
}

/// Stores the body of one request.
async fn store(mut socket: TcpStream, path: &Path) -> anyhow::Result<()> {
    let (from, mut to) = socket.split();
    let mut from = BufReader::with_capacity(1 << 18, from);
    let mut length = None;
    let mut line = String::new();
    while from.read_line(&mut line).await? > 2 {
        if let Some((name, value)) = line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("content-length")) {
            length = Some(value.trim().parse::<u64>().with_context(|| name.to_owned())?);
        }
        line.clear();
    }
    let mut body = tokio::io::AsyncReadExt::take(from, length.context("a file has a length")?);
    let mut file = File::create(path).await?;
    tokio::io::copy_buf(&mut body, &mut file).await?;
    file.flush().await?;
    to.write_all(b"HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n").await?;
    Ok(())
}
