//! Muster's way through a load, over HTTP, with processes of its own.

use super::{
    ground::SITE,
    meter,
    report::{Cost, Journey},
    server::{Database, Server},
};
use crate::{
    client::{Client, Upload},
    harness::Crew,
};
use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use std::{path::Path, time::Instant};
use tokio::fs::File;
use tokio_util::io::ReaderStream;

const SETTINGS: &[(&str, &str)] = &[("MUSTER_LOG", "warn")];

/// A Muster on one database, and an administrator's client for the site.
pub(super) struct Muster {
    pub(super) crew: Crew,
    pub(super) client: Client,
}

/// What an import needs to be found again.
pub(super) struct Accepted {
    pub(super) id: String,
    at: Instant,
}

impl Muster {
    /// With so many workers.
    pub(super) async fn start(database: &Database, workers: usize) -> Self {
        let crew = Crew::start(&database.url(), 1, workers, SETTINGS).await;
        let client = crew.apis[0].client().with_token(Some(&crew.admin(SITE)));
        Self { crew, client }
    }

    /// A client of another site's administrator.
    pub(super) fn of_site(&self, slug: &str) -> Client {
        self.client.with_token(Some(&self.crew.admin(slug)))
    }

    /// The most memory that the api had, in MiB.
    pub(super) async fn api_mib(&self) -> Option<f64> {
        meter::peak_mib(self.crew.apis[0].process().lock().await.pid())
    }

    async fn cost(&self, server: &Server) -> anyhow::Result<Cost> {
        let mut workers_cpu = Some(0.0);
        for worker in &self.crew.workers {
            let seconds = meter::cpu_seconds(worker.process().lock().await.pid());
            workers_cpu = workers_cpu.zip(seconds).map(|(sum, seconds)| sum + seconds);
        }
        let api_cpu = meter::cpu_seconds(self.crew.apis[0].process().lock().await.pid());
        Ok(Cost {
            workers_cpu,
            api_cpu,
            ..Cost::of_server(server).await?
        })
    }

    /// An import from the accepted upload to `applied`.
    pub(super) async fn load(
        &self,
        server: &Server,
        database: &Database,
        recipe: &str,
        file: &Path,
        lines: u64,
    ) -> anyhow::Result<Journey> {
        let before = self.cost(server).await?;
        let import = upload(&self.client, SITE, recipe, file).await?;
        let ready = rested(&self.client, SITE, &import.id, "ready").await?;
        let preview = import.at.elapsed().as_secs_f64();
        ask_to_apply(&self.client, SITE, &import.id).await?;
        let applied = rested(&self.client, SITE, &import.id, "applied").await?;
        let total = import.at.elapsed().as_secs_f64();
        let cost = self.cost(server).await?.since(before);
        for import in [&ready, &applied] {
            let counted: i64 = import["actions"]
                .as_object()
                .into_iter()
                .flatten()
                .filter_map(|(_, count)| count.as_i64())
                .sum();
            ensure!(
                counted as u64 == lines,
                "{lines} lines, and {counted} were planned"
            );
        }
        let mut peaks = Vec::new();
        for worker in &self.crew.workers {
            peaks.extend(meter::peak_mib(worker.process().lock().await.pid()));
        }
        let validate = validated(database, &import.id).await?;
        Ok(Journey {
            validate,
            preview: preview - validate,
            apply: total - preview,
            total,
            lines_per_second: lines as f64 / total,
            cost,
            worker_mib: peaks.into_iter().reduce(f64::max),
            api_mib: self.api_mib().await,
        })
    }
}

/// Uploads a file as a stream; the clock starts when it is accepted.
pub(super) async fn upload(
    client: &Client,
    site: &str,
    recipe: &str,
    file: &Path,
) -> anyhow::Result<Accepted> {
    let opened = File::open(file).await?;
    let length = opened.metadata().await?.len();
    let body = reqwest::Body::wrap_stream(ReaderStream::with_capacity(opened, 1 << 18));
    upload_body(client, site, recipe, body, length).await
}

/// The same with what is in memory.
pub(super) async fn upload_body(
    client: &Client,
    site: &str,
    recipe: &str,
    body: impl Into<reqwest::Body>,
    length: u64,
) -> anyhow::Result<Accepted> {
    let query = vec![("recipe", recipe.to_owned())];
    let answer = client
        .upload(
            site,
            Upload {
                query,
                content_type: "text/csv",
                body: body.into(),
                length: Some(length),
            },
        )
        .await?;
    ensure!(
        answer.status == 202,
        "the upload is answered {}: {}",
        answer.status,
        answer.text()
    );
    let id = answer.json()["id"]
        .as_str()
        .context("an import has an id")?
        .to_owned();
    Ok(Accepted {
        id,
        at: Instant::now(),
    })
}

/// Waits until an import rests, which it must do in that status.
pub(super) async fn rested(
    client: &Client,
    site: &str,
    id: &str,
    status: &str,
) -> anyhow::Result<Value> {
    loop {
        let import = client
            .get(&format!("/api/v1/sites/{site}/imports/{id}?wait=30"))
            .await?
            .json();
        if import["at_rest"] == true {
            if import["status"] != status {
                bail!("the import should be {status}: {import:#}");
            }
            return Ok(import);
        }
    }
}

/// Asks that an import be applied.
pub(super) async fn ask_to_apply(client: &Client, site: &str, id: &str) -> anyhow::Result<()> {
    let answer = client
        .post(
            &format!("/api/v1/sites/{site}/imports/{id}/apply"),
            Some(&json!({})),
        )
        .await?;
    ensure!(
        answer.status == 202,
        "apply is answered {}: {}",
        answer.status,
        answer.text()
    );
    Ok(())
}

/// Seconds until every line was staged.
async fn validated(database: &Database, id: &str) -> anyhow::Result<f64> {
    let statement = "SELECT extract(epoch FROM p.at - v.at)::float8
                       FROM muster.imports i JOIN muster.import_history v ON v.import_no = i.no AND v.status = 'validating'
                       JOIN muster.import_history p ON p.import_no = i.no AND p.status = 'previewing' WHERE i.id = $1::uuid";
    Ok(sqlx::query_scalar(statement)
        .bind(id)
        .fetch_one(&mut database.connect().await?)
        .await?)
}
