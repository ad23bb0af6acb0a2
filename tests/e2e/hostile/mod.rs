//! Files that mean harm: just below each limit and just above it, and every text of a client
//! repeated, nested or doubled. Each comes to rest with exact counts, costs neither process more
//! memory than it may ever have, and whoever is sent right after it is served.

mod limits;
mod people;
mod shapes;
mod texts;

use crate::{counts::counts, journeys::id};
use muster_tests::{
    client::Answer,
    harness::{Muster, Order, Site, peak_memory},
    make::Chance,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The most memory that the worker and the api may ever have.
const MOST_MEMORY: u64 = 256 << 20;

/// A Muster with one worker and every default, on which one hostile file comes after the other,
/// each to a site of its own.
struct Ground {
    muster: Muster,
    innocent: Site,
    sent: usize,
}

/// A file that means harm, and what must come of it.
struct Hostile {
    what: &'static str,
    limits: Value,
    before: Vec<String>,
    order: Order,
}

impl Hostile {
    /// The file, for a recipe.
    fn new(what: &'static str, recipe: &str, file: impl Into<Vec<u8>>) -> Self {
        Self::of(what, Order::new(recipe, file))
    }

    /// The same, with all that can be said.
    fn of(what: &'static str, order: Order) -> Self {
        Self {
            what,
            limits: json!({}),
            before: Vec::new(),
            order,
        }
    }

    /// The site has this limit.
    fn limit(mut self, name: &str, value: u64) -> Self {
        self.limits[name] = value.into();
        self
    }

    /// A statement comes first; `$1` is the site's number.
    fn after(mut self, statement: &str) -> Self {
        self.before.push(statement.to_owned());
        self
    }
}

impl Ground {
    async fn start() -> Self {
        let muster = Muster::start().await;
        let innocent = muster.site("innocent").await;
        Self {
            muster,
            innocent,
            sent: 0,
        }
    }

    /// Sends it and, right after it, what somebody else needs; the site, and what the api answered.
    async fn send(&mut self, hostile: Hostile) -> (Site, Answer) {
        eprintln!("so far {}; then {}", told(&self.peaks()), hostile.what);
        self.sent += 1;
        let site = self
            .muster
            .site_with(
                &format!("hostile-{}", self.sent),
                &json!({"limits": hostile.limits}),
            )
            .await;
        for statement in hostile.before {
            let statement = sqlx::AssertSqlSafe(statement);
            let number =
                sqlx::query_scalar::<_, i32>("SELECT id FROM muster.sites WHERE slug = $1")
                    .bind(site.slug());
            let number = number.fetch_one(self.muster.sql()).await.expect("the site");
            sqlx::query(statement)
                .bind(number)
                .execute(self.muster.sql())
                .await
                .expect("a statement");
        }
        let answer = site.send(hostile.order).await;
        self.serve_the_innocent().await;
        (site, answer)
    }

    async fn serve_the_innocent(&mut self) {
        self.sent += 1;
        let import = self
            .innocent
            .applied(
                "create-segments",
                format!("idnumber,name\ni{0},Innocent {0}\n", self.sent),
            )
            .await;
        assert_eq!(counts(&import["outcomes"]), "created 1");
    }

    /// It is refused at the door, with that status.
    async fn refused(&mut self, hostile: Hostile, status: u16) {
        let what = hostile.what;
        let (site, answer) = self.send(hostile).await;
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json"),
            "{what}"
        );
        assert_eq!(site.list("/imports", "imports").await.len(), 0, "{what}");
    }

    /// It is rejected as a whole; the codes of the reasons.
    async fn rejected(&mut self, hostile: Hostile) -> Vec<String> {
        let (site, answer) = self.send(hostile).await;
        let import = site
            .wait_for(id(&answer.expect(202).json()), "rejected")
            .await;
        let reasons = import["rejected"].as_array().expect("reasons").iter();
        reasons
            .map(|reason| reason["code"].as_str().expect("a code").to_owned())
            .collect()
    }

    /// It is ready, with these actions and these errors by code.
    async fn ready(&mut self, hostile: Hostile, actions: &str, errors: &str) -> (Site, Value) {
        let what = hostile.what;
        let (site, answer) = self.send(hostile).await;
        let import = site.wait_for(id(&answer.expect(202).json()), "ready").await;
        self.assert_never_put_off(&import).await;
        assert_eq!(
            (
                counts(&import["actions"]),
                self::errors(&site, &import).await
            ),
            (actions.to_owned(), errors.to_owned()),
            "{what}"
        );
        (site, import)
    }

    /// It is applied, with these outcomes and effects; and whoever comes meanwhile is served.
    async fn applied(&mut self, (site, import): (Site, Value), outcomes: &str, effects: &str) {
        site.apply(id(&import)).await;
        self.serve_the_innocent().await;
        let import = site.wait_for(id(&import), "applied").await;
        self.assert_never_put_off(&import).await;
        assert_eq!(
            (counts(&import["outcomes"]), counts(&import["effects"])),
            (outcomes.to_owned(), effects.to_owned())
        );
    }

    /// No batch of it took longer than a lane's claim is good for, was given back and begun once
    /// more: claims are for much more work than any file may make of a batch.
    async fn assert_never_put_off(&self, import: &Value) {
        let statement = "SELECT stage || ' ' || number FROM muster.import_batches
                          WHERE import_no = (SELECT no FROM muster.imports WHERE id = $1::uuid) AND (retries > 0 OR attempts > 1)";
        let again: Vec<String> = sqlx::query_scalar(statement)
            .bind(id(import))
            .fetch_all(self.muster.sql())
            .await
            .expect("batches");
        assert!(again.is_empty(), "these were begun again: {again:?}");
    }

    /// The most memory that each process has had so far.
    fn peaks(&self) -> [(&'static str, Option<u64>); 2] {
        [
            ("worker", self.muster.worker(0).pid()),
            ("api", self.muster.api().pid()),
        ]
        .map(|(name, pid)| (name, peak_memory(pid)))
    }

    /// Neither process has ever had more memory than it may.
    async fn assert_small(&self) {
        let sessions: Vec<i32> = sqlx::query_scalar(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database()",
        )
        .fetch_all(self.muster.sql())
        .await
        .expect("sessions");
        let largest = sessions
            .iter()
            .filter_map(|pid| peak_memory(*pid as u32))
            .max();
        let peaks = self.peaks();
        eprintln!(
            "the most memory: {}, {}",
            told(&peaks),
            told(&[("a session of Postgres", largest)])
        );
        assert!(
            peaks
                .iter()
                .all(|(_, peak)| peak.is_none_or(|peak| peak < MOST_MEMORY)),
            "{}",
            told(&peaks)
        );
    }
}

/// Memory as text: `worker 48 MiB, api 22 MiB`.
fn told(peaks: &[(&str, Option<u64>)]) -> String {
    let mib = |peak: Option<u64>| {
        peak.map_or("unknown".to_owned(), |bytes| format!("{} MiB", bytes >> 20))
    };
    peaks
        .iter()
        .map(|(name, peak)| format!("{name} {}", mib(*peak)))
        .collect::<Vec<_>>()
        .join(", ")
}

/// How many errors an import has of each code: `too-long 3, width 1`.
async fn errors(site: &Site, import: &Value) -> String {
    let mut errors = BTreeMap::<String, u64>::new();
    for issue in site
        .list(
            &format!("/imports/{}/issues?limit=200", id(import)),
            "issues",
        )
        .await
    {
        if issue["severity"] == "error" {
            *errors
                .entry(issue["code"].as_str().expect("a code").to_owned())
                .or_default() += issue["count"].as_u64().expect("a count");
        }
    }
    errors
        .into_iter()
        .map(|(code, count)| format!("{code} {count}"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// A header, and so many lines.
fn lines(header: &str, count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).fold(format!("{header}\n"), |mut text, number| {
        text.push_str(&line(number));
        text.push('\n');
        text
    })
}

/// So many letters in no order, which nothing compresses by much.
fn noise(chance: &mut Chance, letters: usize) -> String {
    (0..letters)
        .map(|_| char::from(b'a' + chance.below(26) as u8))
        .collect()
}

/// So many people, `u0` and so on, who have always been there.
fn people(count: usize) -> String {
    format!(
        "INSERT INTO lms.users (site_id, username, firstname, lastname) SELECT $1, 'u' || n, 'Ada', 'Ash' FROM generate_series(0, {count} - 1) n"
    )
}

/// So many segments, of which each has this ID number, made of its number `n`.
fn segments(count: usize, idnumber: &str) -> String {
    format!(
        "INSERT INTO lms.segments (site_id, idnumber, name) SELECT $1, {idnumber}, 'Segment ' || n FROM generate_series(0, {count} - 1) n"
    )
}
