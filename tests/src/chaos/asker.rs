//! Speaks to whichever api answers, for as long as it takes. Whether a request that got no answer
//! was done is found by looking.

use super::{figures::Counting, lms};
use crate::client::{Answer, Client};
use anyhow::{Context, bail};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// How long nobody may answer before that is a defect.
const DEADLINE: Duration = Duration::from_mins(3);
/// How long an import may work before that is a defect. Servers are away for half of the time.
const WORKING: Duration = Duration::from_mins(7);
/// Longer than an api takes for anything but waiting, shorter than it is frozen.
const ANSWER: Duration = Duration::from_secs(12);
const PAUSE: Duration = Duration::from_millis(250);

/// An administrator of one site.
#[derive(Debug)]
pub(super) struct Asker {
    apis: Vec<Client>,
    turn: AtomicUsize,
    site: String,
    /// Only for those who look into what went wrong.
    database: String,
    counting: Arc<Counting>,
}

/// A file on its way.
pub(super) struct Parcel {
    pub(super) query: Vec<(&'static str, String)>,
    /// Nobody else's.
    pub(super) filename: String,
    pub(super) content_type: &'static str,
    pub(super) bytes: Vec<u8>,
}

impl Asker {
    pub(super) fn new(
        apis: Vec<Client>,
        site: &str,
        database: &str,
        counting: Arc<Counting>,
    ) -> Self {
        Self {
            apis,
            turn: AtomicUsize::new(0),
            site: site.to_owned(),
            database: database.to_owned(),
            counting,
        }
    }

    fn api(&self) -> &Client {
        &self.apis[self.turn.fetch_add(1, Ordering::Relaxed) % self.apis.len()]
    }

    /// The answer, once there is one; `None`: none came, or one that says nothing about the
    /// request.
    pub(super) async fn once(&self, make: impl Fn(&Client) -> RequestBuilder) -> Option<Answer> {
        let api = self.api();
        let trouble = match api.send(make(api).timeout(ANSWER)).await {
            Ok(answer) if !matches!(answer.status, 408 | 429 | 500 | 502 | 503) => {
                return Some(answer);
            }
            Ok(answer) => answer.status.to_string(),
            Err(error) if error.is_timeout() => "time-out".to_owned(),
            Err(error) if error.is_connect() => "no connection".to_owned(),
            Err(_) => "broken off".to_owned(),
        };
        self.counting.retry(&trouble);
        tokio::time::sleep(PAUSE).await;
        None
    }

    /// The answer to a request that may be repeated.
    async fn always(&self, make: impl Fn(&Client) -> RequestBuilder) -> anyhow::Result<Answer> {
        let begun = Instant::now();
        loop {
            if let Some(answer) = self.once(&make).await {
                return Ok(answer);
            }
            if begun.elapsed() > DEADLINE {
                bail!("{}: nobody answers for {} s", self.site, DEADLINE.as_secs());
            }
        }
    }

    pub(super) fn path(&self, rest: &str) -> String {
        format!("/api/v1/sites/{}{rest}", self.site)
    }

    /// Gets something of the site that must be there.
    pub(super) async fn get(&self, rest: &str) -> anyhow::Result<Answer> {
        let path = self.path(rest);
        let answer = self.always(|api| api.request(Method::GET, &path)).await?;
        if answer.status != 200 {
            bail!("GET {path} answers {}: {}", answer.status, answer.text());
        }
        Ok(answer)
    }

    /// The import.
    pub(super) async fn import(&self, id: &str) -> anyhow::Result<Value> {
        Ok(self.get(&format!("/imports/{id}")).await?.json())
    }

    /// The import when it has come to rest.
    pub(super) async fn rest(&self, id: &str) -> anyhow::Result<Value> {
        let begun = Instant::now();
        loop {
            let import = self.get(&format!("/imports/{id}?wait=4")).await?.json();
            if import["at_rest"] == true {
                self.counting.waited(begun.elapsed());
                return Ok(import);
            }
            if begun.elapsed() > WORKING {
                let batches = lms::open_batches(&self.database, id).await;
                bail!(
                    "{}: import {id} does not come to rest in {} s: it is {}, {batches}",
                    self.site,
                    WORKING.as_secs(),
                    import["status"]
                );
            }
        }
    }

    /// Asks something of an import, which may be asked twice.
    pub(super) async fn ask(&self, id: &str, request: &str) -> anyhow::Result<Answer> {
        self.ask_with(id, request, &json!({})).await
    }

    /// Asks something of an import in more than a word.
    pub(super) async fn ask_with(
        &self,
        id: &str,
        request: &str,
        body: &Value,
    ) -> anyhow::Result<Answer> {
        self.counting.request(request);
        let path = self.path(&format!("/imports/{id}/{request}"));
        let answer = self
            .always(|api| api.request(Method::POST, &path).json(body))
            .await?;
        match answer.status {
            202 | 409 => Ok(answer),
            status => bail!("POST {path} answers {status}: {}", answer.text()),
        }
    }

    /// Uploads a file as an import of its own, or as one that goes on with `parent`; its id.
    pub(super) async fn upload(
        &self,
        parcel: &Parcel,
        parent: Option<&str>,
    ) -> anyhow::Result<String> {
        let path = self.path(&parent.map_or_else(
            || "/imports".to_owned(),
            |parent| format!("/imports/{parent}/continue"),
        ));
        let sending = |api: &Client| {
            let request = api
                .request(Method::POST, &path)
                .query(&parcel.query)
                .query(&[("filename", &parcel.filename)]);
            request
                .header("content-type", parcel.content_type)
                .body(parcel.bytes.clone())
        };
        let begun = Instant::now();
        loop {
            match self.once(sending).await {
                Some(answer) if answer.status == 202 => return id_of(&answer.json()),
                Some(answer) => bail!("POST {path} answers {}: {}", answer.status, answer.text()),
                None => {}
            }
            if let Some(id) = self.named(&parcel.filename).await? {
                return Ok(id);
            }
            if begun.elapsed() > DEADLINE {
                bail!("{}: no upload in {} s", self.site, DEADLINE.as_secs());
            }
        }
    }

    /// Asks that lines of some outcomes go on in an import of their own; its id, or `None`: there
    /// are no such lines. `known`: children that it has already.
    pub(super) async fn go_on(
        &self,
        parent: &str,
        outcomes: Option<&[&str]>,
        known: &[String],
    ) -> anyhow::Result<Option<String>> {
        let path = self.path(&format!("/imports/{parent}/continue"));
        let body = outcomes.map_or_else(|| json!({}), |outcomes| json!({"outcomes": outcomes}));
        let begun = Instant::now();
        loop {
            match self
                .once(|api| api.request(Method::POST, &path).json(&body))
                .await
            {
                Some(answer) if answer.status == 202 => return id_of(&answer.json()).map(Some),
                Some(answer)
                    if answer.status == 409 && answer.json()["code"] == "nothing-to-continue" =>
                {
                    return Ok(None);
                }
                Some(answer) => bail!("POST {path} answers {}: {}", answer.status, answer.text()),
                None => {}
            }
            if let Some(child) = self
                .children(parent)
                .await?
                .into_iter()
                .rfind(|child| !known.contains(child))
            {
                return Ok(Some(child));
            }
            if begun.elapsed() > DEADLINE {
                bail!("{}: nothing goes on in {} s", self.site, DEADLINE.as_secs());
            }
        }
    }

    /// Imports that go on with lines of another, oldest first.
    pub(super) async fn children(&self, parent: &str) -> anyhow::Result<Vec<String>> {
        let import = self.import(parent).await?;
        let children = import["children"]
            .as_array()
            .context("an import has children")?;
        Ok(children
            .iter()
            .filter_map(|child| child.as_str().map(str::to_owned))
            .collect())
    }

    /// The newest import of a file of that name.
    async fn named(&self, filename: &str) -> anyhow::Result<Option<String>> {
        let list = self.get("/imports?limit=20").await?.json();
        let found = list["imports"]
            .as_array()
            .context("a list of imports")?
            .iter()
            .find(|import| import["file"]["name"] == filename);
        found.map(id_of).transpose()
    }

    /// The whole report of an import: the delimiter of its file must be known.
    pub(super) async fn report(&self, id: &str, delimiter: u8) -> anyhow::Result<Report> {
        let answer = self.get(&format!("/imports/{id}/report.csv")).await?;
        let body = answer
            .body
            .strip_prefix("\u{feff}".as_bytes())
            .unwrap_or(&answer.body);
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .from_reader(body);
        let headings: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
        let own = headings
            .len()
            .checked_sub(4)
            .context("a report has columns of its own")?;
        let lines = reader
            .records()
            .map(|record| ReportLine::of(&record?, own))
            .collect::<anyhow::Result<_>>()?;
        Ok(Report {
            headings: headings[..own].to_vec(),
            lines,
        })
    }
}

/// A report.
#[derive(Debug)]
pub(super) struct Report {
    /// The file's.
    pub(super) headings: Vec<String>,
    pub(super) lines: Vec<ReportLine>,
}

/// A line of a report.
#[derive(Debug)]
pub(super) struct ReportLine {
    pub(super) cells: Vec<String>,
    pub(super) line: u32,
    pub(super) action: String,
    /// Empty: apply never came to it.
    pub(super) outcome: String,
    pub(super) issues: String,
}

impl ReportLine {
    fn of(record: &csv::StringRecord, own: usize) -> anyhow::Result<Self> {
        let cell = |at: usize| record.get(own + at).unwrap_or_default().to_owned();
        let cells = record.iter().take(own).map(str::to_owned).collect();
        Ok(Self {
            cells,
            line: cell(0).parse()?,
            action: cell(1),
            outcome: cell(2),
            issues: cell(3),
        })
    }
}

/// The id of an import.
pub(super) fn id_of(import: &Value) -> anyhow::Result<String> {
    Ok(import["id"]
        .as_str()
        .with_context(|| format!("an import has an id: {import}"))?
        .to_owned())
}
