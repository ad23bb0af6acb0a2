//! Small imports: how long an admin waits for fifty lines, alone or while a million of another site
//! go on.

use super::{
    ground::{OTHER_SITE, SITE},
    journey::{Muster, ask_to_apply, rested, upload, upload_body},
    names::{segment, username},
    report::{Beside, Small, Spread},
};
use crate::client::Client;
use anyhow::{Context, ensure};
use std::{
    convert::Infallible,
    path::Path,
    time::{Duration, Instant},
};

/// Lines of a small import.
const LINES: u64 = 50;
/// Small imports when nothing else runs.
const IDLE: u64 = 20;
/// Between two small imports, and between two looks, beside a large one.
const PAUSE: Duration = Duration::from_millis(500);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Seconds of small imports.
#[derive(Default)]
struct Seconds {
    ready: Vec<f64>,
    applied: Vec<f64>,
}

impl Seconds {
    /// One more small import.
    async fn add(&mut self, client: &Client, nth: u64) -> anyhow::Result<()> {
        let lines = (0..LINES).map(|line| {
            format!(
                "{},{}\n",
                username(1 + (nth * LINES + line) % 10_000),
                segment(nth)
            )
        });
        let file = "username,cohort1\n".to_owned() + &lines.collect::<String>();
        let begun = Instant::now();
        let length = file.len() as u64;
        let import = upload_body(client, OTHER_SITE, "add-to-segments", file, length).await?;
        rested(client, OTHER_SITE, &import.id, "ready").await?;
        self.ready.push(begun.elapsed().as_secs_f64());
        let begun = Instant::now();
        ask_to_apply(client, OTHER_SITE, &import.id).await?;
        rested(client, OTHER_SITE, &import.id, "applied").await?;
        self.applied.push(begun.elapsed().as_secs_f64());
        Ok(())
    }

    /// One after the other, for as long as it is polled; none is one that was there when nothing
    /// else ran.
    async fn go_on(&mut self, client: &Client) -> anyhow::Result<Infallible> {
        let mut nth = IDLE;
        loop {
            self.add(client, nth).await?;
            nth += 1;
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn spread(self) -> Small {
        Small {
            imports: self.ready.len(),
            ready: Spread::of(self.ready),
            applied: Spread::of(self.applied),
        }
    }
}

/// One after the other, when nothing else runs.
pub(super) async fn idle(muster: &Muster) -> anyhow::Result<Small> {
    let client = muster.of_site(OTHER_SITE);
    let mut seconds = Seconds::default();
    for nth in 0..IDLE {
        seconds.add(&client, nth).await?;
    }
    Ok(seconds.spread())
}

/// While a large import of another site goes from its upload to its end.
pub(super) async fn beside(muster: &Muster, recipe: &str, file: &Path) -> anyhow::Result<Beside> {
    let import = upload(&muster.client, SITE, recipe, file).await?;
    let path = format!("/api/v1/sites/{SITE}/imports/{}", import.id);
    let other = muster.of_site(OTHER_SITE);
    let (mut seconds, mut polls) = (Seconds::default(), Vec::new());
    let large = async {
        rested(&muster.client, SITE, &import.id, "ready").await?;
        ask_to_apply(&muster.client, SITE, &import.id).await?;
        rested(&muster.client, SITE, &import.id, "applied")
            .await
            .map(drop)
    };
    tokio::select! {
        ended = large => ended?,
        failed = seconds.go_on(&other) => drop(failed?),
        failed = look(&muster.client, &path, &mut polls) => drop(failed?),
    }
    Ok(Beside {
        small: seconds.spread(),
        polls: Spread::of(polls),
    })
}

/// Looks at an import, for as long as it is polled.
async fn look(client: &Client, path: &str, seconds: &mut Vec<f64>) -> anyhow::Result<Infallible> {
    loop {
        let begun = Instant::now();
        let answer = client
            .get(path)
            .await
            .context("a look at the large import")?;
        ensure!(
            answer.status == 200,
            "a look is answered {}: {}",
            answer.status,
            answer.text()
        );
        seconds.push(begun.elapsed().as_secs_f64());
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
