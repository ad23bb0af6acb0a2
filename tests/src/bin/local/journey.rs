//! The way of one import from here: upload, watch, apply.

use crate::{
    show::{Bar, Unit},
    trouble::Trouble,
};
use anyhow::Context;
use futures::StreamExt;
use muster_tests::client::{
    Answer, Client, Upload,
    view::{Import, IssuePage, Progress},
};
use reqwest::{Method, header};
use std::{ops::Deref, path::Path, time::Duration};
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt},
};
use tokio_util::io::ReaderStream;

/// By so many bytes Muster knows a file that it will not take.
const BEGINNING: u64 = 1 << 20;

/// What to do with a file.
pub(crate) struct Order {
    pub(crate) recipe: String,
    pub(crate) kind: Option<String>,
    pub(crate) settings: Option<String>,
}

/// An import as it was looked at.
pub(crate) struct Seen {
    pub(crate) import: Import,
    /// Its `ETag`, by which Muster knows whether it is still so.
    pub(crate) tag: String,
}

impl Deref for Seen {
    type Target = Import;
    fn deref(&self) -> &Import {
        &self.import
    }
}

/// The imports of one site, as the command line leads them.
pub(crate) struct Journey<'a> {
    pub(crate) client: &'a Client,
    pub(crate) site: &'a str,
}

impl Journey<'_> {
    /// Uploads the file and waits until its preview is there, or the file is rejected.
    pub(crate) async fn preview(&self, path: &Path, order: &Order) -> Result<Seen, Trouble> {
        let import = self.upload(path, order).await?;
        self.watch(import).await
    }

    /// Applies an import that is ready, if it is as it was seen, and waits for its end.
    pub(crate) async fn apply(&self, ready: &Seen) -> Result<Import, Trouble> {
        let request = self
            .client
            .request(Method::POST, &format!("{}/apply", self.path(&ready.id)));
        let answer = self
            .client
            .send(request.header(header::IF_MATCH, &ready.tag))
            .await;
        if answer.as_ref().is_ok_and(|answer| answer.status == 412) {
            return Err(self.overtaken(ready));
        }
        let import = self.import_of(answer)?;
        Ok(self.watch(import).await?.import)
    }

    /// The first page of its issues, grouped.
    pub(crate) async fn issues(&self, import: &Import) -> Result<IssuePage, Trouble> {
        let answer = self
            .client
            .get(&format!("{}/issues", self.path(&import.id)))
            .await;
        self.read(&self.success(answer)?)
    }

    /// The address of an import, for `curl`.
    pub(crate) fn address(&self, import: &str) -> String {
        format!("{}{}", self.client.base(), self.path(import))
    }

    fn path(&self, import: &str) -> String {
        format!("/api/v1/sites/{}/imports/{import}", self.site)
    }

    async fn upload(&self, path: &Path, order: &Order) -> Result<Seen, Trouble> {
        let (file, bytes, content_type) = open(path)
            .await
            .map_err(|error| Trouble::Usage(format!("{error:#}")))?;
        let bar = Bar::begin("upload", Unit::Bytes, 0, bytes);
        let count = bar.counter();
        let pieces = ReaderStream::with_capacity(file, 1 << 16).inspect(move |piece| {
            if let Ok(piece) = piece {
                count(piece.len() as u64);
            }
        });
        let body = reqwest::Body::wrap_stream(pieces);
        let upload = Upload {
            query: query(path, order),
            content_type,
            body,
            length: Some(bytes),
        };
        let answer = tokio::select! {
            answer = self.client.upload(self.site, upload) => answer,
            _ = tokio::signal::ctrl_c() => {
                bar.clear();
                return Err(Trouble::Left("The upload was broken off; nothing of it stays.".to_owned()));
            }
        };
        let answer = match answer {
            Err(error) if !error.is_connect() => {
                self.upload_beginning(path, order).await.ok_or(error)
            }
            other => other,
        };
        bar.clear();
        let import = self.import_of(answer)?;
        bar.end(bytes);
        Ok(import)
    }

    /// Muster refuses what it can before all of it has arrived, and closes the connection. Whoever
    /// is still writing then sees only that it broke. So the beginning is sent again and the rest
    /// held back: what comes is the refusal.
    async fn upload_beginning(&self, path: &Path, order: &Order) -> Option<Answer> {
        let (file, bytes, content_type) = open(path).await.ok()?;
        let beginning = ReaderStream::new(file.take(BEGINNING.min(bytes.saturating_sub(1))));
        let body = reqwest::Body::wrap_stream(beginning.chain(futures::stream::pending()));
        let upload = Upload {
            query: query(path, order),
            content_type,
            body,
            length: Some(bytes),
        };
        tokio::time::timeout(
            Duration::from_secs(10),
            self.client.upload(self.site, upload),
        )
        .await
        .ok()?
        .ok()
    }

    /// Shows the stages of an import until it is at rest.
    async fn watch(&self, mut import: Seen) -> Result<Seen, Trouble> {
        let mut stages = Stages::default();
        loop {
            stages.see(import.progress.as_ref());
            if import.at_rest {
                stages.end();
                return Ok(import);
            }
            let path = format!("{}?wait=1", self.path(&import.id));
            let answer = tokio::select! {
                answer = self.client.get(&path) => answer,
                _ = tokio::signal::ctrl_c() => return Err(self.left(&import)),
            };
            import = self.import_of(answer)?;
        }
    }

    fn left(&self, import: &Import) -> Trouble {
        let address = self.address(&import.id);
        Trouble::Left(format!(
            "The import goes on in the service. To look at it:\n  curl -H \"Authorization: Bearer $MUSTER_TOKEN\" {address}\n\
             To stop it:\n  curl -X POST -H \"Authorization: Bearer $MUSTER_TOKEN\" {address}/cancel"
        ))
    }

    fn overtaken(&self, import: &Import) -> Trouble {
        let address = self.address(&import.id);
        Trouble::Refused(format!(
            "Somebody has changed the import since it was looked at, so nothing was applied. To look at it as it is now:\n  \
             curl -i -H \"Authorization: Bearer $MUSTER_TOKEN\" {address}"
        ))
    }

    fn import_of(&self, answer: reqwest::Result<Answer>) -> Result<Seen, Trouble> {
        let answer = self.success(answer)?;
        Ok(Seen {
            import: self.read(&answer)?,
            tag: answer.header("etag").unwrap_or("*").to_owned(),
        })
    }

    /// The answer, if it is a success.
    pub(crate) fn success(&self, answer: reqwest::Result<Answer>) -> Result<Answer, Trouble> {
        let answer = answer.map_err(|error| Trouble::connection(self.client.base(), &error))?;
        if (200..300).contains(&answer.status) {
            Ok(answer)
        } else {
            Err(Trouble::answer(&answer))
        }
    }

    fn read<T: serde::de::DeserializeOwned>(&self, answer: &Answer) -> Result<T, Trouble> {
        answer.parse().map_err(|error| {
            let base = self.client.base();
            Trouble::Refused(format!(
                "{base} answered what this version does not understand ({error}): {}",
                answer.text()
            ))
        })
    }
}

/// The file, its size, and what it is by its first bytes, as Muster itself will look at it.
async fn open(path: &Path) -> anyhow::Result<(File, u64, &'static str)> {
    let name = || path.display().to_string();
    let mut file = File::open(path).await.with_context(name)?;
    let about = file.metadata().await.with_context(name)?;
    anyhow::ensure!(about.is_file(), "{}: it is no file", path.display());
    let mut first = [0; 2];
    let read = file.read(&mut first).await.with_context(name)?;
    file.rewind().await.with_context(name)?;
    let content_type = if first[..read] == [0x1f, 0x8b] {
        "application/gzip"
    } else {
        "text/csv"
    };
    Ok((file, about.len(), content_type))
}

fn query(path: &Path, order: &Order) -> Vec<(&'static str, String)> {
    let mut query = vec![("recipe", order.recipe.clone())];
    query.extend(order.kind.clone().map(|kind| ("kind", kind)));
    query.extend(
        order
            .settings
            .clone()
            .map(|settings| ("settings", settings)),
    );
    query.extend(
        path.file_name()
            .map(|name| ("filename", name.to_string_lossy().into_owned())),
    );
    query
}

/// The stage that is shown now.
#[derive(Default)]
struct Stages {
    current: Option<(Progress, Bar)>,
}

impl Stages {
    fn see(&mut self, progress: Option<&Progress>) {
        let Some(progress) = progress else { return };
        if self
            .current
            .as_ref()
            .is_some_and(|(shown, _)| shown.stage != progress.stage)
        {
            self.end();
        }
        let (shown, bar) = self
            .current
            .get_or_insert_with(|| (progress.clone(), bar(progress)));
        bar.at(progress);
        shown.clone_from(progress);
    }

    /// The stage is through: all of it is done.
    fn end(&mut self) {
        if let Some((shown, bar)) = self.current.take() {
            bar.end(shown.total);
        }
    }
}

fn bar(progress: &Progress) -> Bar {
    let label = match progress.stage.as_str() {
        "validate" => "validate",
        "preview" => "preview",
        _ => "apply",
    };
    Bar::begin(
        label,
        if progress.unit == "bytes" {
            Unit::Bytes
        } else {
            Unit::Rows
        },
        progress.done,
        progress.total,
    )
}
