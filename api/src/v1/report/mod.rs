//! `GET …/imports/{id}/report.csv?action=&outcome=`: the file again, with what would become or
//! became of each line.
//!
//! It is read in pages by line, a short statement each: no transaction and no connection is held
//! while the client takes its time. When a page fails, or the lines are deleted meanwhile, the body
//! is broken off, never ended politely: half a report must not look like a whole one.

pub(crate) mod csv;

use crate::{
    auth::{Access, Viewer},
    problem::{Asked, Problem},
    request::{Named, Query},
    state::App,
    time_limit::in_time,
    v1::{
        imports::{kept_of_site, pruned_at},
        rows::{Beside, Filters, Line, LinePage, OfReport, fitting, lines, read},
    },
};
use axum::{
    body::Body,
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use csv::Report;
use futures::{StreamExt, stream};
use muster_shared::{
    model::{budget::Budget, ids::ImportId},
    store::{StoreError, imports::Import},
};
use std::time::Duration;

/// How often a page is tried, with a pause: a moment without a connection must not cost a long
/// download.
const TRIES: u32 = 3;

/// Why a page cannot be had.
#[derive(Debug, thiserror::Error)]
enum Broken {
    /// It may well be had in a moment.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its lines are deleted, or some of them.
    #[error("its lines were deleted meanwhile")]
    Pruned(DateTime<Utc>),
}

impl From<Broken> for Problem {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Store(error) => error.into(),
            Broken::Pruned(since) => Self::Expired(since),
        }
    }
}

/// Where a download is.
struct Pages {
    app: App,
    import: Import,
    filters: Filters,
    /// Behind which the next page begins; `None`: there are no more.
    after: Option<i32>,
    /// Lines that are looked for: about as many as may be in memory together.
    at_once: i64,
    report: Report,
}

/// The report as a download.
pub(crate) async fn download(
    access: Access<Viewer>,
    Named(id): Named<ImportId>,
    Query(OfReport(filters)): Query<OfReport>,
    State(app): State<App>,
) -> Result<Response, Problem> {
    let import =
        in_time(async { kept_of_site(&mut *app.connection().await?, access.site.id, id).await })
            .await?;
    if import.file.columns.is_empty() {
        return Err(Problem::wrong_status(Asked::Report, &import));
    }
    let disposition = csv::disposition(import.file.name.as_deref());
    let report = Report::new(
        import.file.reading(&import.settings).delimiter.value,
        &import.file.columns,
    );
    let mut pages = Pages {
        app,
        import,
        filters,
        after: Some(0),
        at_once: Budget::REPORT.lines(0) as i64,
        report,
    };
    // The first page is read before anything is answered, so that a failure is a problem and not a
    // torn body.
    let first = in_time(async { Ok(pages.first().await?) }).await?;
    let rest = stream::try_unfold(pages, |mut pages| async move {
        let id = pages.import.id;
        let page = pages.patient_next().await.inspect_err(
            |error| tracing::error!(import.id = %id, %error, "a report was broken off"),
        )?;
        Ok::<_, Broken>(page.map(|page| (page, pages)))
    });
    let body = stream::once(async move { Ok(first) }).chain(rest);
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/csv; charset=utf-8"),
        ),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    Ok((headers, Body::from_stream(body)).into_response())
}

impl Pages {
    /// The header and the first lines.
    async fn first(&mut self) -> Result<Bytes, Broken> {
        let lines = self.lines().await?;
        Ok([self.report.header(), self.report.lines(&lines)]
            .concat()
            .into())
    }

    async fn patient_next(&mut self) -> Result<Option<Bytes>, Broken> {
        let mut tries = 1;
        loop {
            match self.next().await {
                Err(Broken::Store(error)) if tries < TRIES => {
                    tracing::warn!(import.id = %self.import.id, %error, "a page of a report is tried again");
                    tokio::time::sleep(Duration::from_secs(1) * tries).await;
                    tries += 1;
                }
                page => return page,
            }
        }
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Broken> {
        if self.after.is_none() {
            return Ok(None);
        }
        let lines = self.lines().await?;
        Ok(Some(self.report.lines(&lines).into()))
    }

    /// The next lines, over a connection that is given back at once.
    async fn lines(&mut self) -> Result<Vec<Line>, Broken> {
        let Some(after) = self.after else {
            return Ok(Vec::new());
        };
        let mut connection = self.app.reader(self.import.site_id).await?;
        let LinePage {
            lines: found,
            searched_to,
        } = lines(
            &mut connection,
            &self.import,
            &self.filters,
            after,
            self.at_once,
        )
        .await?;
        let fitting = fitting(
            &mut connection,
            &self.import,
            &found,
            Beside::Nothing,
            Budget::REPORT,
        )
        .await?;
        let lines = read(&mut connection, &self.import, &fitting).await?;
        // Asked last: nothing is deleted before the import says so, so all lines were there when
        // these were read.
        if let Some(since) = pruned_at(&mut connection, &self.import).await? {
            return Err(Broken::Pruned(since));
        }
        let is_whole = fitting.len() == found.len();
        let is_last = is_whole && (found.len() as i64) < self.at_once;
        self.after = if is_last {
            searched_to
        } else {
            fitting.last().copied()
        };
        // Of long lines no more are looked for than fit: each is weighed before it is read.
        let max = Budget::REPORT.lines(0) as i64;
        self.at_once = if is_whole {
            (self.at_once * 2).min(max)
        } else {
            fitting.len() as i64 + 1
        };
        Ok(lines)
    }
}
